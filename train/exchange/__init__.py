"""Labels to and from the tools that people code in: one module a format, one neutral task between them.

Knows the label row format and the tools' files; trains nothing.
"""
