"""The model server as a process: `python -m sessiontune.shipping.engine_main --model FILE ...`.

Serves llama.cpp's HTTP interface on a unix socket and ends when its standard input closes, that
is, when the program that started it is gone.
"""

from __future__ import annotations

import argparse
import os
import sys


def main(argv: list[str]) -> int:
    """Start the server, then wait for standard input to close."""
    options = _options(argv)
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
    while sys.stdin.buffer.read(1 << 10):
        pass
    # The C++ threads have nothing left to save: end at once, whatever they are doing.
    os._exit(0)


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="engine_main")
    for name in ("model", "socket", "alias"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--adapter")
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
