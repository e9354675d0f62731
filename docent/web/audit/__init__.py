"""The audit log: who read, asked, changed and exported what, and the administrators' page that shows it."""
