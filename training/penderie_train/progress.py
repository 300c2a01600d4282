"""Progress with time left, and metrics: lines of JSON in a file, and MLflow where MLFLOW_TRACKING_URI is set."""
import json
import os
import time

from .settings import WORK


class Progress:
    """Iterates and prints every half minute how far it is and how long it will take."""

    def __init__(self, items, name):
        self.items, self.name = items, name

    def __iter__(self):
        start = last = time.time()
        for i, item in enumerate(self.items):
            yield item
            if time.time() - last > 30:
                last = time.time()
                left = (last - start) / (i + 1) * (len(self.items) - i - 1)
                print(f"{self.name}: {i + 1} of {len(self.items)}, {clock(left)} left", flush=True)


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Metrics:
    def __init__(self, run):
        self.file = open(WORK / f"{run}.jsonl", "a", encoding="utf-8")
        self.mlflow = None
        if os.environ.get("MLFLOW_TRACKING_URI"):
            import mlflow  # optional: only where a server is configured
            self.mlflow = mlflow
            mlflow.set_experiment("penderie-fashion")
            mlflow.start_run(run_name=run)

    def log(self, step, **values):
        self.file.write(json.dumps({"step": step, "time": round(time.time(), 1), **values}) + "\n")
        self.file.flush()
        if self.mlflow:
            self.mlflow.log_metrics(values, step=step)
