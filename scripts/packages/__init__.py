"""Reading prompt packages and importing them.

An archive comes from anybody, so it is read as a stream inside stated limits and never unpacked to disk:
`archive` knows tar, `manifest` knows prpm.json, `prompt` knows which files make the prompt and in which order,
`importer` hands the result to `admin.import_package`, where the accounting side of it (hash, order, owner) is decided.
"""
