"""The chat on Chainlit's page.

conversation      start, resume, personas and settings of a conversation
reply             a question and its files, answered
answer_view       the answer as it is streamed
saved_answer      answers as they are saved, and read again
cited_sources     the side panel of a citation, and signed links
attachments       files sent in a conversation
upload_routes     the files before their message arrives
file_scope        the library of a sent file, and the scope of a question
model_download    the button for a missing model
history           Chainlit's data layer, on history_database (a file, or PostgreSQL)
history_transfer  from the file to PostgreSQL
socket_events     Chainlit's socket events, extended
page_session      the page at hand: reader, language, notes
"""
