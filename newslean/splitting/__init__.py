"""Text to the units that are labelled, with exact offsets: sentences, paragraphs, or the text as a whole.

The one splitter that labelling, training and predicting share. Knows how text
is laid out; knows no label and no model.
"""

from newslean.splitting.sentences import Sentence, split_sentences, title_of
from newslean.splitting.units import given_units, split_units, splitter_version

__all__ = ["Sentence", "given_units", "split_sentences", "split_units", "splitter_version", "title_of"]
