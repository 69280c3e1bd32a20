"""The reading of news dumps, as a stream: files, folders, archives and tables of articles, on disk or elsewhere.

Knows the forms in which articles are kept in bulk (JSON, CSV, Parquet, WARC,
zip, tar, compressed or not) and yields them one after the other in bounded
memory; what cannot be read is yielded too, with its place and the reason.
Knows no sentence, no model, and nothing of what becomes of an article. The
libraries behind it are extras and are imported when a file needs them.
"""

from newslean.dump.columns import Columns
from newslean.dump.reading import open_dump
from newslean.dump.records import Record, Reject

__all__ = ["Columns", "Record", "Reject", "open_dump"]
