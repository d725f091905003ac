"""Hostile programs, each contained by every sandbox, with the machine and the run intact and the reason on record."""

import contextlib
import os
import platform
import socket
import stat
import sys
import xml
from dataclasses import replace
from pathlib import Path

import pytest

from nanoresearch.config import ExecutionConfig
from nanoresearch.events import Events, plain
from nanoresearch.execution import sandbox
from nanoresearch.execution.attempts import run_attempt
from nanoresearch.execution.collect import InvalidReports, collect
from nanoresearch.execution.executor import DISK_EXCEEDED, MEMORY_EXCEEDED, OUTPUT_FLOOD, PROCESSES_EXCEEDED
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.sandbox import Access, SandboxMissing, probe_isolation, require, wrap
from nanoresearch.execution.supervise import Order, _below
from nanoresearch.schema.experiment import Job
from nanoresearch.schema.isolation import Isolation

from .conftest import OPEN, SANDBOXES, isolation_called, runs, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ISOLATION NOT TESTED: it needs Linux")

SECRET = "sk-a-secret-that-nobody-may-see"


@pytest.fixture(params=list(SANDBOXES))
def isolation(request) -> Isolation:
    """Each sandbox in turn."""
    return isolation_called(request.param)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch) -> Path:
    """A user's home with keys, a home of the program with another run, and staged data."""
    home, own = tmp_path / "user", tmp_path / "nanoresearch"
    for path in (home / ".config/keys", own / "config.toml", own / "runs/other/run.json", own / "data/wine/wine.csv"):
        path.parent.mkdir(parents=True)
        path.write_text(SECRET if "data" not in path.parts else "1,2\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NANORESEARCH_HOME", str(own))
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    return tmp_path


@pytest.fixture
def attack(isolation, machine: Path, request_for, monkeypatch):
    """Run a program that means harm, with its folder in MACHINE; returns the job, what it printed and its folder."""

    def run(program: str, seed: int = 1, **changes) -> tuple[Job, str, Path]:
        data = machine / "nanoresearch/data"
        program = program.replace("MACHINE", str(machine))
        request = request_for(program, seed=seed, readable=(data,), **{"memory_gb": 0.5} | changes)
        before = inventory(machine, request.output_folder)
        (job,) = LocalExecutor(isolation, grace_s=0.2).run([request], parallel=1, on_done=lambda job: None)
        assert inventory(machine, request.output_folder) == before
        folder = request.output_folder
        assert {path.name for path in folder.iterdir()} <= {"code", "stdout", "stderr", "reports.jsonl"}
        assert [path.name for path in (folder / "code").iterdir()] == ["run.py"]
        said = (folder / "stdout").read_text() + (folder / "stderr").read_text()
        assert SECRET not in said
        assert job.sandbox == isolation.kind
        return job, said, folder

    return run


def inventory(root: Path, without: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Mode, links, time and content of all files but those of a job."""
    found = {}
    for path in sorted(root.rglob("*")):
        if not path.is_relative_to(without):
            state = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(state.st_mode) else b""
            found[str(path)] = (state.st_mode, state.st_nlink, state.st_mtime_ns if content else 0, content)
    return found


# Were one of them not contained, it should still do no harm: settings are opened and not changed, processes are sent
# signal 0, what is mounted does not exist.
REFUSED = {
    "read the home": "print(open('MACHINE/user/.config/keys').read())",
    "list the home": "assert os.listdir('MACHINE/user')",
    "read the configuration": "print(open('MACHINE/nanoresearch/config.toml').read())",
    "read another run": "print(open('MACHINE/nanoresearch/runs/other/run.json').read())",
    "read another job": "print(open('MACHINE/seed-0/stdout').read())",
    "read the environment": "print(os.environ['OPENAI_API_KEY'])",
    "read shadow": "print(open('/etc/shadow').read())",
    "read what runs": "print(open('/proc/PARENT/environ').read())",
    "read the memory of what runs": "print(open('/proc/PARENT/mem', 'rb').read(1))",
    "write in the data": "open('MACHINE/nanoresearch/data/wine/wine.csv', 'a').write('3,4')",
    "add to the data": "open('MACHINE/nanoresearch/data/wine/more.csv', 'w').write('3,4')",
    "delete the data": "os.remove('MACHINE/nanoresearch/data/wine/wine.csv')",
    "rename the data": "os.rename('MACHINE/nanoresearch/data/wine', 'MACHINE/nanoresearch/data/vine')",
    "empty the data": "os.truncate('MACHINE/nanoresearch/data/wine/wine.csv', 0)",
    "write to the system": "open('/usr/lib/nanoresearch-test', 'w')",
    "write to this Python": "open(os.__file__, 'a')",
    "edit the harness": "open('run.py', 'a').write('more')",
    "replace the harness": "open(own + '/x', 'w'); os.replace(own + '/x', 'run.py')",
    "add a module": "open('numpy.py', 'w').write('more')",
    "link the results": "os.remove(results); os.symlink('/etc/passwd', results)",
    "replace the results": "os.symlink('MACHINE/user/.config/keys', own + '/x'); os.replace(own + '/x', results)",
    "follow a link": "os.symlink('MACHINE/user/.config/keys', own + '/x'); print(open(own + '/x').read())",
    "link hard": "os.link('MACHINE/nanoresearch/data/wine/wine.csv', own + '/x')",
    "forge what it printed": "os.remove(output + '/stderr'); os.symlink('MACHINE/user/.config/keys', output + '/stderr')",  # noqa: E501
    "tcp": "socket.create_connection(('127.0.0.1', PORT), 5).sendall(b'x')",
    "tcp to the world": "socket.create_connection(('192.0.2.1', 80), 5)",
    "dns": "socket.getaddrinfo('example.org', 80)",
    "abstract socket": "socket.socket(socket.AF_UNIX).connect('\\0nanoresearch-test-PORT')",
    "socket file": "socket.socket(socket.AF_UNIX).connect('MACHINE/socket')",
    "vsock": "socket.socket(40, socket.SOCK_STREAM)",
    "raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "memory of the machine": "open('/dev/mem', 'rb')",
    "log of the kernel": "open('/dev/kmsg', 'rb')",
    "disks": "import glob; open(glob.glob('/dev/[vs]d*')[0], 'rb')",
    "kernel settings": "open('/proc/sys/kernel/core_pattern', 'r+')",
    "cgroups": "open('/sys/fs/cgroup/cgroup.procs', 'r+')",
    "processors": "open('/sys/devices/system/cpu/cpu1/online', 'r+')",
    "own out-of-memory score": "open('/proc/self/oom_score_adj', 'w').write('-1000')",
    "become root": "os.setuid(0); os.setgroups([0]); os.chown('run.py', 1, 1)",
    "become another": "os.setuid(12345)",
    "mount": "denied(libc.mount(b't', b'/mnt', b'no-such-file-system', 0, None))",
    "new namespaces": "denied(libc.unshare(0x10000000))",
    "keyring": "denied(libc.syscall(KEYCTL, 0, -3, 0))",
    "io_uring": "denied(libc.syscall(425, 1, bytes(256)))",
    "ptrace": "denied(libc.ptrace(0x4206, PARENT, 0, 0))",
    "signal what runs": "os.kill(PARENT, 0)",
    "limits of what runs": "import resource; resource.prlimit(PARENT, resource.RLIMIT_CPU)",
    "raise its limits": "import resource as r; r.setrlimit(r.RLIMIT_DATA, (2**40, 2**40))",
    "one large file": "open(own + '/x', 'wb').write(bytes(5 * 2**20))",
}
OPENING = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
own, results = os.environ["TMPDIR"], os.environ["NANORESEARCH_RESULTS"]
output = os.path.dirname(results)
def denied(status):
    if status < 0 and ctypes.get_errno() == 1:
        raise PermissionError
"""


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(attack, name: str, machine: Path) -> None:
    (machine / "seed-0").mkdir()
    (machine / "seed-0/stdout").write_text(SECRET)
    with listening(machine) as (port, arrived):
        keyctl = {"x86_64": "250", "aarch64": "219"}[platform.machine()]
        program = OPENING + REFUSED[name].replace("PORT", str(port)).replace("PARENT", str(os.getpid()))
        job, said, _ = attack(program.replace("KEYCTL", keyctl), file_mb=2)
    assert not arrived
    assert job.outcome == "failed", said
    assert job.reason == "exit status 1", said


WITHOUT_EFFECT = {
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "rename the output folder": "os.rename(output, output + '-old')",
    "forge how it ended": "open(output + '/job.json', 'w').write('{}')",
    "print a link's name": "os.symlink('/etc/passwd', own + '/passwd')",
}


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_has_no_effect(attack, name: str, machine: Path) -> None:
    with listening(machine) as (port, arrived):
        attack(OPENING + WITHOUT_EFFECT[name].replace("PORT", str(port)))
    assert not arrived


@contextlib.contextmanager
def listening(machine: Path):
    """A port for TCP and UDP, an abstract socket and a socket file; yields the port and what arrives."""
    arrived: list[str] = []
    tcp, udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    abstract, named = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    tcp.bind(("127.0.0.1", 0))
    port = tcp.getsockname()[1]
    udp.bind(("127.0.0.1", port))
    abstract.bind(f"\0nanoresearch-test-{port}")
    previous = Path.cwd()
    os.chdir(machine)  # the name of a socket is short
    named.bind("socket")
    os.chdir(previous)
    try:
        for box in (tcp, abstract, named):
            box.listen(1)
        yield port, arrived
        for box in (tcp, udp, abstract, named):
            box.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                arrived.append(str(box.recv(1) if box is udp else box.accept()))
    finally:
        for box in (tcp, udp, abstract, named):
            box.close()
        (machine / "socket").unlink()


def test_programs_that_behave_are_not_hindered(isolation, machine: Path, request_for) -> None:
    data = machine / "nanoresearch/data"
    program = f"""
        import json, multiprocessing, os, shutil, subprocess, sys, tempfile, threading
        import numpy
        print(open({str(data / "wine/wine.csv")!r}).read(), open("run.py").read()[:1] != "", os.listdir("."))
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("x"); file.flush(); print(os.path.getsize(file.name))
        folder = os.environ["NANORESEARCH_PREDICTIONS"]
        os.makedirs(folder); shutil.copy("run.py", folder); os.rename(folder + "/run.py", folder + "/a")
        print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout)
        child, parent = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=lambda: child.send(numpy.arange(3).sum()))
        process.start(); print(parent.recv()); process.join()
        thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
        open(os.environ["NANORESEARCH_RESULTS"], "a").write("{{}}\\n")
        """
    request = request_for(program, readable=(data,))
    (job,) = LocalExecutor(isolation).run([request], parallel=1, on_done=lambda job: None)
    assert job.outcome == "succeeded", (request.output_folder / "stderr").read_text()
    assert (request.output_folder / "stdout").read_text().split() == [
        "1,2",
        "True",
        "['run.py']",
        "1",
        "42",
        "3",
        "thread",
    ]
    assert (request.output_folder / "reports.jsonl").read_text() == "{}\n"


def test_modes_and_times_of_the_data_stay(attack) -> None:
    program = """
        import contextlib, os
        for path in ("MACHINE/nanoresearch/data/wine/wine.csv", "MACHINE/nanoresearch/data", "run.py"):
            for change in (lambda: os.chmod(path, 0o777), lambda: os.utime(path, (1, 1))):
                with contextlib.suppress(OSError):
                    change()
        raise SystemExit(3)
        """
    job, _, folder = attack(program)
    assert job.reason == "exit status 3"
    assert (folder / "code/run.py").stat().st_mtime > 1


def test_no_program_gives_more_rights(attack) -> None:
    program = """
        import os
        status = open("/proc/self/status").read()
        bound = ["CapBnd"] if os.getuid() == 0 else []  # what root alone would get back with the next program
        for field in ("CapEff", "CapPrm", "CapAmb", *bound):
            assert int(status.split(field + ":")[1].split()[0], 16) == 0, field
        assert status.split("NoNewPrivs:")[1].split()[0] == "1"
        print("none")
        """
    job, said, _ = attack(program)
    assert (job.outcome, said) == ("succeeded", "none\n")


def test_fork_bomb(attack) -> None:
    program = """
        import os, time
        end = time.time() + 5
        made = 0
        while time.time() < end and made < 300:
            try:
                if os.fork() == 0:
                    time.sleep(20)
                    os._exit(0)
                made += 1
            except OSError:
                time.sleep(0.1)
        time.sleep(20)
        """
    job, _, _ = attack(program, processes=50)
    assert job.reason.startswith(PROCESSES_EXCEEDED)


def test_threads_count_too(attack) -> None:
    program = "import threading, time\nfor _ in range(80): threading.Thread(target=time.sleep, args=(20,)).start()"
    job, _, _ = attack(program, processes=50)
    assert job.outcome == "failed"


def test_memory_bomb(attack) -> None:
    program = """
        import os
        blocks = []
        if os.fork() and os.fork():
            while True:
                blocks.append(b"x" * 2_000_000)
        while True:
            blocks.append(b"y" * 2_000_000)
        """
    job, said, _ = attack(program, memory_gb=0.15)
    assert job.outcome == "failed"
    assert job.reason.startswith(MEMORY_EXCEEDED) or "MemoryError" in said
    assert job.peak_memory_mb < 1000


@pytest.mark.parametrize("hold", ["", "os.remove(os.environ['TMPDIR'] + f'/{number}')"])
def test_disk_is_not_filled(attack, hold: str) -> None:
    program = f"""
        import os, time
        kept = []
        for number in range(60):
            kept.append(open(os.environ["TMPDIR"] + f"/{{number}}", "wb"))
            kept[-1].write(bytes(2**20)); kept[-1].flush()
            {hold or "pass"}
        time.sleep(30)
        """
    job, _, _ = attack(program, disk_mb=20, file_mb=4)
    assert job.reason.startswith(DISK_EXCEEDED)


@pytest.mark.parametrize(
    "hide",
    [
        "os.mkdir('a'); os.chmod('a', 0o300); os.chdir('a')",
        "[(os.mkdir('a'), os.chdir('a')) for _ in range(3000)]",
    ],
)
def test_nothing_is_hidden_from_the_limit_or_left_behind(attack, hide: str) -> None:
    program = f"""
        import os, time
        os.chdir(os.environ["TMPDIR"])
        {hide}
        for number in range(30):
            with open(str(number), "wb") as file:
                file.write(bytes(2**20))
        os.chmod(".", 0)
        time.sleep(30)
        """
    job, _, _ = attack(program, disk_mb=20, file_mb=4)  # which also looks for what is left
    assert job.reason.startswith(DISK_EXCEEDED)


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm", "/var/tmp", "/run"])
def test_other_places_hold_little(attack, folder: str) -> None:
    program = f"""
        for number in range(200):
            with open(f"{folder}/nanoresearch-{{number}}", "wb") as file:
                file.write(bytes(2**20))
        """
    job, _, _ = attack(program, memory_gb=0.25)
    assert job.outcome == "failed"
    assert not list(Path(folder).glob("nanoresearch-[0-9]*"))


def test_sigterm_is_not_enough_to_stay(attack) -> None:
    program = """
        import signal, time
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(600)
        """
    job, _, _ = attack(program, timeout_s=1)
    assert job.outcome == "timed_out"


def test_a_program_may_end_in_order_when_its_time_is_up(attack) -> None:
    program = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("in order"), sys.exit(0)))
        time.sleep(600)
        """
    job, said, _ = attack(program, timeout_s=1)
    assert (job.outcome, said) == ("timed_out", "in order\n")


@pytest.mark.parametrize("ending", ["raise SystemExit(3)", "time.sleep(600)"])
def test_daemon_ends_with_the_job(attack, ending: str) -> None:
    program = f"""
        import os, signal, sys, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.execv(sys.executable, [sys.executable, "-c", "import time; 'DAEMON-OF-A-JOB'; time.sleep(600)"])
            os._exit(0)
        os.wait()
        time.sleep(0.3)
        {ending}
        """
    job, _, _ = attack(program, timeout_s=2)
    assert job.outcome in ("failed", "timed_out")
    wait_until(lambda: not any(b"DAEMON-OF-A-JOB" in line(pid) and runs(pid) for pid in _below(1)))


def line(pid: int) -> bytes:
    """Command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_supervisor_cannot_be_killed(attack) -> None:
    program = """
        import contextlib, os, signal
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
            with contextlib.suppress(OSError):
                os.kill(os.getppid(), number)
        raise SystemExit(3)
        """
    job, _, _ = attack(program)
    assert job.reason == "exit status 3"


def test_flood(attack) -> None:
    job, _, folder = attack("while True: print('x' * 10_000)", output_mb=0.1)
    assert job.reason.startswith(OUTPUT_FLOOD)
    assert (folder / "stdout").stat().st_size < 2**18


def test_results_of_others_are_refused(isolation, make_codebase, blueprint, tmp_path: Path) -> None:
    models = """
        import json, os
        def fit(seed):
            line = {"method": "pirate", "dataset": "wine", "metric": "accuracy", "value": 1.0, "seed": seed,
                    "condition": "noise=0.0", "kind": "result"}
            with open(os.environ["NANORESEARCH_RESULTS"], "a") as file:
                file.write(json.dumps(line) + "\\n")
            return 0.5
        """
    attempt = attempt_of(make_codebase(models), blueprint, tmp_path, isolation)
    assert attempt.outcome == "invalid"
    assert "unknown method 'pirate'" in attempt.failure.message
    assert {job.sandbox for job in attempt.jobs} <= {isolation.kind, None}


def test_attack_is_on_record(isolation, make_codebase, blueprint, machine: Path) -> None:
    models = f"def fit(seed):\n    return open({str(machine / 'user/.config/keys')!r}).read()\n"
    codebase = make_codebase(models)
    attempt = attempt_of(codebase, blueprint, machine, isolation)
    assert attempt.outcome == "failed"
    assert attempt.failure.signature.startswith(
        ("FileNotFoundError @ models.py:fit", "PermissionError @ models.py:fit")
    )
    assert SECRET not in attempt.model_dump_json()
    assert codebase.is_clean()


def attempt_of(codebase, blueprint, folder: Path, isolation: Isolation):
    """One attempt, inside a sandbox."""
    (folder / "data").mkdir(exist_ok=True)
    return run_attempt(
        1, smoke=False, codebase=codebase, blueprint=blueprint, folder=folder / "attempts/1",
        executor=LocalExecutor(isolation, grace_s=0.2), data_root=folder / "data", config=ExecutionConfig(),
        events=Events(),
    )  # fmt: skip


def test_escapes_do_not_reach_a_terminal(tmp_path: Path, blueprint) -> None:
    line = '{"method": "x\\u001b]0;title\\u0007\\u001b[2J\\u202e", "metric": "m", "dataset": "d", "value": NaN}\n'
    (tmp_path / "reports.jsonl").write_text(line)
    with pytest.raises(InvalidReports) as raised:
        collect(tmp_path, blueprint, 3)
    heard = []
    Events(heard.append).emit("progress", str(raised.value))
    assert heard[0].text == plain(str(raised.value))
    assert "for m of x on d" in heard[0].text


def test_what_lies_in_the_home_is_left_out_of_what_the_system_gives(tmp_path: Path, monkeypatch) -> None:
    for name in ("lib/python", "user/.config", "share/nanoresearch/runs"):
        (tmp_path / name).mkdir(parents=True)
    private = [tmp_path / "user", tmp_path / "share/nanoresearch"]
    assert list(sandbox._without(tmp_path, private)) == [tmp_path / "lib"]
    assert list(sandbox._without(tmp_path / "user", private)) == []
    assert list(sandbox._without(tmp_path / "lib", private)) == [tmp_path / "lib"]


def test_wrapping_with_no_sandbox_changes_nothing_but_the_limit_of_processes(tmp_path: Path) -> None:
    order = Order(["true"], str(tmp_path), {}, "o", "e", 1.0, 1.0, 2**30, 2**20, 2**20)
    wrapped = wrap(order, OPEN, Access())
    assert wrapped.command == ["true"]
    assert (wrapped.layers, wrapped.filter, wrapped.processes) == (0, "", sandbox.PROCESSES)


def test_no_isolation_is_an_error_that_says_what_to_install() -> None:
    with pytest.raises(SandboxMissing, match="apt-get install bubblewrap") as raised:
        require("auto", lambda _: Isolation(kind="none", missing=("bubblewrap: not installed",)))
    assert "--unsafe-no-sandbox" in str(raised.value)
    assert raised.value.exit_code == 1
    assert require("off", lambda _: pytest.fail("asked")).kind == "none"


def test_probe_names_what_is_missing(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("nanoresearch.execution.confine.landlock_abi", lambda: 0)
    probe_isolation.cache_clear()
    found = probe_isolation("auto")
    probe_isolation.cache_clear()
    assert found.kind == "none"
    assert found.missing == ("bubblewrap: not installed", "landlock: this kernel has none, or does not use it")


def test_probe_believes_only_what_it_sees(monkeypatch) -> None:
    monkeypatch.setattr(sandbox, "wrap", lambda order, isolation, access: order)
    fault = sandbox._fault(Isolation(kind="bubblewrap", namespaces=True))
    for words in ("read other files", "write other files", "reach the network", "sees other processes"):
        assert f"it {words}" in fault.replace("it can ", "it ")


def test_probe_does_not_believe_a_program_that_does_nothing(monkeypatch, tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert sandbox._fault(Isolation(kind="bubblewrap", namespaces=True)) == "the probe ended with status 0"


def test_hidden_parts_of_this_python_are_not_seen(isolation, request_for) -> None:
    """Also not through the second name that a virtual environment has for its library folder."""
    package = Path(xml.__file__).parent
    hidden = (package / "sax", package / "dom/pulldom.py", package / "missing")
    files = (package / "sax/saxutils.py", package / "dom/pulldom.py")
    program = """
        import sys, xml.dom
        for top in sys.argv[2:]:
            try:
                print("FOUND", len(open(top).read()))
            except OSError:
                print("FOUND 0")
    """
    names = [str(path) for path in files]
    names += [name.replace("/lib/", "/lib64/", 1) for name in names]
    request = request_for(program, hidden=hidden)
    executor = LocalExecutor(isolation)
    request = replace(request, command=(*request.command, *names))
    (job,) = executor.run([request], parallel=1, on_done=lambda _: None)
    assert job.outcome == "succeeded"
    said = (request.output_folder / "stdout").read_text().split("\n")
    assert said == [*["FOUND 0"] * 4, ""]
    request = request_for(program, seed=1)
    request = replace(request, command=(*request.command, *names[:2]))
    executor.run([request], parallel=1, on_done=lambda _: None)
    assert "FOUND 0" not in (request.output_folder / "stdout").read_text()
