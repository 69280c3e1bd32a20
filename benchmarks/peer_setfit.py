"""Tag sentences as SetFit does it, once, from a cold start.

Takes the task file that cold_start.py writes and the sentences in a
batch; prints, for each dimension, how many sentences and labels were scored.
The heads are random: only time and memory count here.
"""

import json
import sys
from pathlib import Path

from setfit import SetFitModel

task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
shapes = {}
for dimension in task["dimensions"]:
    model = SetFitModel.from_pretrained(
        task["base"],
        multi_target_strategy="one-vs-rest" if dimension["kind"] == "multi" else None,
        use_differentiable_head=True,  # the other kind of head cannot be asked before it is fitted
        head_params={"out_features": len(dimension["labels"])},
        device="cpu",
    )
    model.model_body.max_seq_length = task["max_length"]
    rows = model.predict_proba(task["texts"], batch_size=int(sys.argv[2]), as_numpy=True)
    shapes[dimension["name"]] = list(rows.shape)
print(json.dumps(shapes))
