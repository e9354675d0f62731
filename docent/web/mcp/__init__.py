"""The MCP server: search, ask, read and verify for agents, with the keys of the HTTP API.

tool_schemas    the arguments and results of the tools
document_tools  the tools themselves
mcp_server      tools, resources and prompts in the protocol
mcp_transports  /mcp on the port of the chat, and stdin and stdout
"""
