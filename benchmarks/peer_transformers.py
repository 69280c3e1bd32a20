"""Tag sentences as transformers' own pipeline does it, once, from a cold start.

Takes the task file that cold_start.py writes and the sentences in a
batch; prints, for each dimension, how many sentences and labels were scored.
The heads are random: only time and memory count here.
"""

import json
import sys
from pathlib import Path

from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
shapes = {}
for dimension in task["dimensions"]:
    problem = "multi_label_classification" if dimension["kind"] == "multi" else "single_label_classification"
    model = AutoModelForSequenceClassification.from_pretrained(
        task["base"], num_labels=len(dimension["labels"]), problem_type=problem
    )
    tokenizer = AutoTokenizer.from_pretrained(task["base"])
    score = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, device="cpu")
    rows = score(task["texts"], batch_size=int(sys.argv[2]), truncation=True, max_length=task["max_length"])
    shapes[dimension["name"]] = [len(rows), len(rows[0])]
print(json.dumps(shapes))
