"""The scoring of news dumps: batches of articles in, tables of tagged articles and sentences out.

Knows `newslean.dump` (what is read), `newslean.tagger` (what is asked) and
pyarrow, an extra. Work goes in shards, so that a run that was killed goes on
where it was. Knows no command line.
"""

FORMATS = (".parquet", ".jsonl", ".csv")
"""Ends of the names of results."""
