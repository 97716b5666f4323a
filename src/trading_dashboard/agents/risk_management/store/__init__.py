"""The account on disk: a journal in transactions, and copies made of it.

store        what callers see
schema, columns, rows
chain        each entry carries a digest of all before it
writing      many batches in one commit
reading      questions, page by page
recovery     from disk to a book; snapshots
integrity    the full check
migrations   older versions
__main__     check, rebuild and backup from a terminal
database, sqlite, postgresql, failures
"""
