"""The model server as a process: `python -m sessiontune.shipping.engine_main ENGINE`.

ENGINE is an `Engine` as JSON. Serves llama.cpp's HTTP interface on a unix socket, and ends with the
program that started it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from types import SimpleNamespace

from .leash import end_with_parent


def main(engine: str) -> None:
    """Start the server, and serve until the parent ends."""
    end_with_parent()  # at once, whatever the C++ threads are doing: nothing is to be saved
    options = SimpleNamespace(**json.loads(engine))
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.hostnames = [options.socket]
    params.n_parallel = options.parallel
    params.n_ctx = options.context * options.parallel
    params.warmup = False
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_props = False
    params.use_jinja = True
    params.cors_origins = ""
    threads = options.threads or _cores()
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    if options.adapter:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path = options.adapter
        adapter.scale = 1.0
        params.lora_adapters = [adapter]
    server = xllamacpp.Server(params)
    print(f"listening {server.listening_address}", flush=True)
    threading.Event().wait()


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    main(sys.argv[1])
