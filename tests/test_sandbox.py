"""The sandbox, attacked: each attack prints GOT where it gets what it wants.

Each is tried against all layers, and against what is left where a system has no namespaces or no Landlock.
"""

from __future__ import annotations

import contextlib
import glob
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from llmeng.errors import SandboxUnavailable
from llmeng.evals import sandbox
from llmeng.evals.sandbox import Outcome, run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the attacks are Linux's")

HOLDS = {"all layers": (), "no namespaces": ("namespaces",), "no Landlock": ("landlock",)}
MB = 1 << 20


@pytest.fixture(params=HOLDS)
def attack(request):
    "Run a program in the sandbox, with all layers or fewer, and see that nothing is left of it."
    before = leftovers()

    def run(program: str, *, stdin: str = "", timeout_s: float = 10, memory: int = 256 * MB) -> Outcome:
        limits = timeout_s, memory, 8 * MB
        left_out = HOLDS[request.param]
        outcome = sandbox._run(textwrap.dedent(program), stdin, limits, 1 << 16, without=left_out)
        assert "GOT" not in outcome.stdout, outcome.stdout
        assert {name for name, on, _ in outcome.layers if not on} <= set(left_out), outcome.layers
        return outcome

    run.namespaces = request.param != "no namespaces"
    run.landlock = request.param != "no Landlock"
    yield run
    nothing_is_left_since(before)


def leftovers() -> tuple[set[int], set[str], Counter[str]]:
    "What a run could leave behind: processes, folders, open files by what they lead to."
    children = {process.pid for process in psutil.Process().children(recursive=True)}
    folders = set(glob.glob(os.path.join(tempfile.gettempdir(), "llmeng-sandbox-*")))
    files: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the folder itself, closed by now
            files[os.readlink(f"/proc/self/fd/{number}")] += 1
    return children, folders, files


def nothing_is_left_since(before: tuple[set[int], set[str], Counter[str]]) -> None:
    # What an earlier test had open may be collected meanwhile: each kind is looked at by itself, not by its number.
    children, folders, files = leftovers()
    assert children - before[0] == set(), "a process is left"
    assert folders - before[1] == set(), "a folder is left"
    assert files - before[2] == Counter(), "a file is left open"


@pytest.fixture
def secret(tmp_path, monkeypatch):
    "A secret in the working folder, in the home folder, in the environment."
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    (tmp_path / "secret.txt").write_text("sk-secret")
    os.chmod(tmp_path, 0o755)
    with tempfile.NamedTemporaryFile("w", dir=Path.home(), prefix=".llmeng-test-") as home:
        home.write("sk-secret")
        home.flush()
        os.chmod(home.name, 0o644)
        yield [str(tmp_path / "secret.txt"), home.name]


TRY = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, action, *arguments, **more):
    try:
        result = action(*arguments, **more)
    except (OSError, ValueError, ImportError, EOFError, RuntimeError) as error:
        print(name, "->", error)
    else:
        print("GOT", name, result)
def call(name, number, *arguments):
    def action():
        if libc.syscall(number, *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    attempt(name, action)
"""


# ---- processes


def test_fork_bomb(attack):
    outcome = attack("import os\nwhile True: os.fork()")
    assert (outcome.ended, outcome.exit_code) == ("forbidden", 1)
    stubborn = """
    import os
    while True:
        try:
            os.fork()
            print("GOT a child", flush=True)
        except OSError:
            pass
    """
    assert attack(stubborn, timeout_s=0.5).ended == "timeout"


def test_other_ways_to_a_process(attack):
    outcome = attack(
        TRY
        + """
import subprocess, pty, multiprocessing
attempt("subprocess", subprocess.run, [sys.executable, "-c", "pass"])
attempt("a shell", os.popen, "true")
attempt("posix_spawn", os.posix_spawn, "/bin/true", ["true"], {})
attempt("execve", os.execv, "/bin/true", ["true"])
attempt("forkpty", pty.fork)
attempt("multiprocessing", lambda: multiprocessing.Process(target=print).start())
call("vfork", 58) if os.uname().machine == "x86_64" else None
call("clone", {"x86_64": 56}.get(os.uname().machine, 220), 17, 0, 0, 0, 0)
call("clone3", 435, ctypes.create_string_buffer(88), 88)
call("execveat", {"x86_64": 322}.get(os.uname().machine, 281), -100, b"/bin/true", 0, 0, 0)
call("setsid", {"x86_64": 112}.get(os.uname().machine, 157))
"""
    )
    assert outcome.ended == "ok", outcome.stderr
    assert outcome.stdout.count("->") >= 8


def test_a_thread_bomb_ends(attack):
    outcome = attack(
        """
        import threading, time
        threading.stack_size(64 * 1024)
        while True:
            threading.Thread(target=time.sleep, args=(60,)).start()
        """,
        timeout_s=1.5,
    )
    assert outcome.ended in ("error", "memory", "timeout"), outcome


def test_a_thread_left_behind_ends_with_its_time(attack):
    outcome = attack(
        "import threading, time; threading.Thread(target=time.sleep, args=(99,)).start()", timeout_s=0.5
    )
    assert outcome.ended == "timeout"


def test_signals(attack):
    got = []
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGIO, signal.SIGHUP):
        signal.signal(number, lambda number, _: got.append(number))
    outcome = attack(
        TRY
        + f"""
import signal, fcntl
for pid in ({os.getpid()}, {os.getppid()}, os.getppid(), 1, -1, -{os.getpgrp()}):
    attempt(f"kill {{pid}}", os.kill, pid, signal.SIGTERM)
    attempt(f"killpg {{pid}}", os.killpg, abs(pid) or 1, signal.SIGTERM)
attempt("pidfd", lambda: signal.pidfd_send_signal(os.pidfd_open({os.getpid()}), signal.SIGTERM))
machine = os.uname().machine == "x86_64"
call("tkill", 200 if machine else 130, {os.getpid()}, 15)
call("tgkill", 234 if machine else 131, {os.getpid()}, {threading.get_native_id()}, 15)
call("rt_sigqueueinfo", 129 if machine else 138, {os.getpid()}, 15, ctypes.create_string_buffer(128))
reader, writer = os.pipe()
attempt("owner of a pipe", fcntl.fcntl, reader, fcntl.F_SETOWN, {os.getpid()})
attempt("its signal", fcntl.fcntl, reader, 10, signal.SIGUSR1)
"""
    )
    assert outcome.ended == "ok", outcome.stderr
    assert got == []
    own = attack(
        "import signal; signal.signal(signal.SIGUSR1, lambda *_: print('mine')); signal.raise_signal(signal.SIGUSR1)"
    )
    assert own.stdout == "mine\n"
    assert attack("import os; os.kill(os.getpid(), 9)").ended == "killed"
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGIO, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def test_reaching_into_other_processes(attack, secret):
    outcome = attack(
        TRY
        + f"""
x = os.uname().machine == "x86_64"
buffer = ctypes.create_string_buffer(4096)
for pid in ({os.getpid()}, os.getppid(), 1):
    call(f"ptrace attach {{pid}}", 101 if x else 117, 16, pid, 0, 0)
    call(f"ptrace seize {{pid}}", 101 if x else 117, 0x4206, pid, 0, 0)
    call(f"process_vm_readv {{pid}}", 310 if x else 270, pid, buffer, 1, buffer, 1, 0)
    call(f"pidfd_open {{pid}}", 434, pid, 0)
    call(f"prlimit {{pid}}", 302 if x else 261, pid, 7, buffer, 0)
    call(f"kcmp {{pid}}", 312 if x else 272, pid, pid, 0, 0, 0)
    call(f"nice {{pid}}", 141 if x else 140, 0, pid, 19)
    call(f"affinity {{pid}}", 203 if x else 122, pid, 128, buffer)
    for name in ("environ", "mem", "maps", "cmdline", "status", "root/etc/passwd", "cwd/secret.txt"):
        attempt(f"/proc/{{pid}}/{{name}}", lambda: open(f"/proc/{{pid}}/{{name}}", "rb").read())
    attempt(f"fds of {{pid}}", os.listdir, f"/proc/{{pid}}/fd")
attempt("its own start", lambda: open("/proc/self/environ").read())
attempt("all processes", os.listdir, "/proc")
call("traceme", 101 if x else 117, 0, 0, 0, 0)
"""
    )
    assert outcome.ended == "ok", outcome.stderr
    assert "sk-secret" not in outcome.stdout + outcome.stderr


def test_the_kernel_s_own_tools(attack):
    outcome = attack(
        TRY
        + """
if os.uname().machine != "x86_64":
    sys.exit()
buffer = ctypes.create_string_buffer(4096)
for name, number, *arguments in (
    ("unshare", 272, 0x10000000), ("setns", 308, 3, 0), ("mount", 165, b"tmpfs", b"/", b"tmpfs", 0, 0),
    ("umount", 166, b"/sandbox", 2), ("pivot_root", 155, b".", b"."), ("chroot", 161, b"."),
    ("bpf", 321, 0, buffer, 64), ("io_uring_setup", 425, 1, buffer), ("io_uring_enter", 426, 0, 0, 0, 0),
    ("perf_event_open", 298, buffer, 0, -1, -1, 0), ("userfaultfd", 323, 1), ("keyctl", 250, 0, -3, 1),
    ("add_key", 248, b"user", b"k", b"v", 1, -3), ("open_by_handle_at", 304, -100, buffer, 0),
    ("name_to_handle_at", 303, -100, b".", buffer, buffer, 0), ("memfd_create", 319, b"m", 0),
    ("init_module", 175, buffer, 1, b""), ("kexec_load", 246, 0, 0, 0, 0), ("reboot", 169, 1, 2, 3, 0),
    ("swapon", 167, b"x", 0), ("sethostname", 170, b"x", 1), ("settimeofday", 164, buffer, 0),
    ("personality", 135, 0x0400000), ("iopl", 172, 3), ("quotactl", 179, 0, 0, 0, 0), ("acct", 163, 0),
    ("setuid", 105, 0), ("setgid", 106, 0), ("capset", 126, buffer, buffer), ("mlockall", 151, 3),
    ("seccomp", 317, 0, 0, 0), ("fanotify_init", 300, 0, 0), ("fsopen", 430, b"tmpfs", 0),
    ("open_tree", 428, -100, b"/", 1), ("move_mount", 429, -100, b"/", -100, b"/", 0),
    ("mount_setattr", 442, -100, b"/", 0, buffer, 32), ("ioperm", 173, 0, 1, 1), ("vhangup", 153),
    ("syslog", 103, 3, buffer, 4096), ("modify_ldt", 154, 0, buffer, 16), ("process_madvise", 440, 3, 0, 0, 0, 0),
    ("prctl dumpable", 157, 4, 0, 0, 0, 0), ("prctl pdeathsig", 157, 1, 0, 0, 0, 0),
    ("prctl ptracer", 157, 0x59616D61, -1, 0, 0, 0), ("prctl no_new_privs off", 157, 38, 0, 0, 0, 0),
):
    call(name, number, *arguments)
"""
    )
    assert outcome.ended == "ok", outcome.stderr
    x32 = attack("import ctypes; print('GOT', ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39)))")
    assert (x32.ended, x32.exit_code) == ("forbidden", -signal.SIGSYS)


# ---- network


def test_network(attack, tmp_path):
    path, name = str(tmp_path / "socket"), f"\0llmeng-{os.getpid()}"
    os.chmod(tmp_path, 0o755)
    servers = [socket.create_server(("127.0.0.1", 0))]
    for family, kind, address in (
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        (socket.AF_UNIX, socket.SOCK_STREAM, path),
        (socket.AF_UNIX, socket.SOCK_STREAM, name),
    ):
        server = socket.socket(family, kind)
        server.bind(address)
        if kind == socket.SOCK_STREAM:
            server.listen()
        servers.append(server)
    os.chmod(path, 0o777)
    for server in servers:
        server.setblocking(False)
    tcp, udp = servers[0].getsockname()[1], servers[1].getsockname()[1]
    before = leftovers()  # with the servers
    outcome = attack(
        TRY
        + f"""
import socket, urllib.request
def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(2)
        s.connect(address)
        s.send(b"hello")
attempt("tcp", connect, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", {tcp}))
attempt("udp", connect, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", {udp}))
attempt("unix", connect, socket.AF_UNIX, socket.SOCK_STREAM, {path!r})
attempt("abstract", connect, socket.AF_UNIX, socket.SOCK_STREAM, {name!r})
attempt("http", urllib.request.urlopen, "http://127.0.0.1:{tcp}", timeout=2)
attempt("dns", socket.getaddrinfo, "example.com", 80)
attempt("listen", socket.create_server, ("127.0.0.1", 0))
attempt("raw", socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
attempt("netlink", socket.socket, 16, socket.SOCK_RAW, 0)
attempt("packet", socket.socket, 17, socket.SOCK_RAW, 0)
attempt("vsock", socket.socket, 40, socket.SOCK_STREAM, 0)
attempt("datagram pair", socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM)
a, b = socket.socketpair()
attempt("connect a pair", a.connect, {name!r})
attempt("connect a pair again", a.connect, {path!r})
attempt("bind a pair", a.bind, "/tmp/mine")
attempt("send to", a.sendto, b"x", {name!r})
attempt("pass a descriptor", socket.send_fds, a, [b"x"], [0])
"""
    )
    assert outcome.ended == "ok", outcome.stderr
    assert outcome.stdout.count("->") == 17, outcome.stdout
    for server in servers:
        with pytest.raises(BlockingIOError):  # nobody knocked
            server.accept() if server is not servers[1] else server.recv(10)
    nothing_is_left_since(before)
    for server in servers:
        server.close()


# ---- files


def test_reading_the_user_s_files(attack, secret):
    paths = [
        *secret,
        "/etc/passwd",
        "/etc/shadow",
        "/root/.bashrc",
        "/proc/cpuinfo",
        "/sys/kernel/notes",
        sandbox.__file__,
    ]
    outcome = attack(
        TRY
        + f"""
import shutil
for fd in range(3, 1024):
    try:
        os.fstat(fd)
        print("GOT descriptor", fd)
    except OSError:
        pass
for path in {paths!r}:
    attempt(f"read {{path}}", lambda: open(path).read())
    attempt(f"copy {{path}}", shutil.copyfile, path, "copy")
    os.path.lexists("link") and os.unlink("link")
    os.symlink(path, "link")
    attempt(f"read through a link {{path}}", lambda: open("link").read())
    attempt(f"hard link {{path}}", os.link, path, "hard")
    attempt(f"hard link of a link {{path}}", lambda: (os.link("link", f"{{len(path)}}"), open(f"{{len(path)}}").read()))
    attempt(f"rename {{path}}", os.rename, path, "renamed")
    attempt(f"upwards {{path}}", lambda: open("../" * 40 + path).read())
    attempt(f"by a path handle {{path}}", lambda: open(f"/proc/self/fd/{{os.open(path, os.O_PATH)}}").read())
    attempt(f"list {{path}}", lambda: os.listdir(os.path.dirname(path)).index(os.path.basename(path)))
os.mkdir("d"); os.symlink("/", "d/up")
attempt("through a folder link", os.listdir, "d/up/etc/ssh")
top = os.open("/", os.O_PATH)
attempt("a folder's handle", lambda: os.open("etc/hostname", os.O_RDONLY, dir_fd=top))
os.close(top)
print(dict(os.environ), sys.argv)
"""
    )
    assert outcome.ended == "ok", outcome.stderr
    assert "sk-secret" not in outcome.stdout + outcome.stderr
    assert "OPENAI" not in outcome.stdout


def test_writing_outside(attack, secret):
    module = os.path.join(os.path.dirname(os.__file__), "os.py")
    before = os.stat(module)
    names = [os.path.join(os.path.dirname(path), "planted") for path in [*secret, module, "/etc/x"]]
    outcome = attack(
        TRY
        + f"""
import tempfile
for path in [*{names!r}, "/planted", "/dev/shm/planted", "/var/tmp/planted", "/usr/lib/planted", "/run/planted"]:
    attempt(f"create {{path}}", lambda: open(path, "w").write("x"))
    attempt(f"mkdir {{path}}", os.mkdir, path)
    attempt(f"symlink {{path}}", os.symlink, "x", path)
    attempt(f"move to {{path}}", os.rename, "main.py", path)
    attempt(f"mknod {{path}}", os.mknod, path)
    attempt(f"fifo {{path}}", os.mkfifo, path)
for path in [{module!r}, *{secret!r}]:
    attempt(f"append {{path}}", lambda: open(path, "a").write("x"))
    attempt(f"truncate {{path}}", os.truncate, path, 0)
    attempt(f"delete {{path}}", os.unlink, path)
    attempt(f"chmod {{path}}", os.chmod, path, 0o777)
    attempt(f"utime {{path}}", os.utime, path, (1, 1))
    attempt(f"chown {{path}}", os.chown, path, 1, 1)
    attempt(f"xattr {{path}}", os.setxattr, path, "user.x", b"x")
attempt("device", os.mknod, "sda", 0o60600, os.makedev(8, 0))
attempt("setuid", os.setuid, 0) if os.getuid() else None
for device in ("/dev/sda", "/dev/vda", "/dev/mem", "/dev/kmsg", "/dev/tty", "/dev/ptmx", "/dev/fuse"):
    attempt(device, lambda: open(device, "rb").read(1))
with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "mine"), "w") as file:
    print(file.write("mine"), open("/dev/null", "w").write("x"), len(os.urandom(3)), open("/dev/urandom", "rb").read(1) != "")
"""
    )
    assert outcome.ended == "ok", outcome.stderr
    assert outcome.stdout.endswith("4 1 3 True\n")
    after = os.stat(module)
    assert (before.st_mtime, before.st_size, before.st_mode) == (after.st_mtime, after.st_size, after.st_mode)
    assert not any(os.path.lexists(name) for name in [*names, "/dev/shm/planted"])
    assert [Path(path).read_text() for path in secret] == ["sk-secret"] * 2


def test_shared_memory(attack):
    outcome = attack(
        TRY
        + """
from multiprocessing import shared_memory, Semaphore
attempt("shm_open", lambda: shared_memory.SharedMemory("llmeng", create=True, size=10))
attempt("semaphore", Semaphore)
call("shmget", {"x86_64": 29}.get(os.uname().machine, 194), 1, 4096, 0o1666)
call("msgget", {"x86_64": 68}.get(os.uname().machine, 186), 1, 0o1666)
call("mq_open", {"x86_64": 240}.get(os.uname().machine, 180), b"q", 0o102, 0o600, 0)
"""
    )
    assert outcome.ended == "ok", outcome.stderr


# ---- limits


@pytest.mark.parametrize(
    "program",
    [
        "x = bytearray(10**9)",
        "x = []\nwhile True: x.append(' ' * 10**6)",
        "x = 'x'\nwhile True: x += x",
        "import mmap; x = [mmap.mmap(-1, 10**8) for _ in range(9)]",
        "x = [0]\nwhile True: x = x * 2",
    ],
)
def test_memory(attack, program):
    outcome = attack(program, memory=128 * MB)
    assert outcome.ended in ("memory", "error"), outcome
    assert "MemoryError" in outcome.stderr or "Cannot allocate memory" in outcome.stderr
    assert outcome.peak_mb < 140


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import signal as s\nfor n in range(1, 65):\n    if n not in (9, 19, 32, 33): s.signal(n, s.SIG_IGN)\nwhile True: pass",
        "import signal; signal.pause()",
        "import sys; sys.stdin.close(); sys.stdout.close(); sys.stderr.close()\nwhile True: pass",
        "import os\nfor fd in range(3): os.close(fd)\nwhile True: pass",
        "try:\n    while True: pass\nfinally:\n    while True: pass",
        "import atexit, time; atexit.register(time.sleep, 99)",
        "class A:\n    def __del__(self):\n        while True: pass\na = A()",
        "import re; re.match('(a+)+b', 'a' * 60)",
        "9 ** 9 ** 9",
    ],
)
def test_time(attack, program):
    begun = time.monotonic()
    outcome = attack(program, timeout_s=0.3)
    assert (outcome.ended, outcome.exit_code) == ("timeout", None)
    assert time.monotonic() - begun < 60


def test_burning_all_processors(attack):
    program = "import hashlib, threading\ndef burn():\n    while True: hashlib.pbkdf2_hmac('sha256', b'x', b'y', 10**6)\n"
    program += "for _ in range(16): threading.Thread(target=burn).start()"
    assert attack(program, timeout_s=0.5).ended == "timeout"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_output(attack, stream):
    outcome = attack(f"import sys\nwhile True: sys.{stream}.write('x' * 10000)")
    assert outcome.ended == "output"
    assert len(getattr(outcome, stream)) == 1 << 16
    exact = attack(f"import sys; sys.{stream}.write('x' * {1 << 16})")
    assert (exact.ended, len(getattr(exact, stream))) == ("ok", 1 << 16)
    more = attack(f"import sys; sys.{stream}.write('x' * {(1 << 16) + 1})")
    assert more.ended == "output"


def test_huge_files(attack):
    sparse = attack("f = open('f', 'wb'); f.seek(10**12); f.write(b'x'); f.flush()")
    assert sparse.ended in ("error", "disk"), sparse
    many = attack(
        "for i in range(64):\n    open(str(i), 'wb').write(bytes(1 << 20))\nprint('GOT 64 MB')\nimport time; time.sleep(5)"
    )
    assert many.ended in ("error", "disk"), many
    held = (
        attack(
            "f = [open(str(i), 'wb', 0) for i in range(20)]\nfor x in f: x.write(bytes(2 << 20))\nprint('GOT 40 MB')\nimport time; time.sleep(5)"
        )
        if attack.namespaces
        else None
    )
    assert held is None or held.ended in ("error", "disk")


def test_too_many_files(attack):
    outcome = attack("for i in range(10**5): open(str(i), 'w').close()\nprint('GOT them all')")
    assert outcome.ended in ("error", "disk", "timeout"), outcome
    outcome = attack("x = [open('main.py') for _ in range(1000)]")
    assert outcome.ended == "error" and "Too many open files" in outcome.stderr


def test_a_deep_folder(attack):
    outcome = attack(
        "import os\nwhile True:\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)", timeout_s=1.5
    )
    assert outcome.ended in ("error", "disk", "timeout"), outcome


def test_rights_that_would_keep_a_folder(attack):
    attack(
        "import os\nos.makedirs('a/b')\nos.mkdir('a/c', 0)\nopen('a/b/f', 'w').close()\nos.umask(0o777)\nos.mkdir('z')"
    )


def test_recursion_and_the_stack(attack):
    outcome = attack("def f(): f()\nf()")
    assert outcome.ended == "error" and "RecursionError" in outcome.stderr
    outcome = attack(
        "import sys\nsys.setrecursionlimit(10**9)\nf = lambda: f()\nf()", memory=64 * MB, timeout_s=3
    )
    assert not outcome
    assert attack("import ctypes; ctypes.string_at(0)").exit_code == -signal.SIGSEGV


def test_a_pretended_end(attack):
    for program in (
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "raise SystemExit",
        "raise SystemExit(0)",
    ):
        outcome = attack(program + "\nassert False")
        assert (outcome.ended, outcome.exit_code, outcome.finished) == ("ok", 0, False)


# ---- whatever happens


def test_without_files_or_filter_nothing_is_run():
    limits = 5, 256 * MB, 8 * MB
    for without in (("namespaces", "landlock"), ("own files", "landlock"), ("seccomp",)):
        before = leftovers()
        with pytest.raises(SandboxUnavailable, match="left out.*Run it on Linux"):
            sandbox._run("print('GOT')", "", limits, 1 << 16, without=without)
        nothing_is_left_since(before)
    outcome = sandbox._run("print(1)", "", limits, 1 << 16, without=("own files",))
    assert outcome.ended == "ok" and ("own files", False, "left out") in outcome.layers


def test_a_probe_that_gets_out_stops_everything(monkeypatch):
    sandbox._prove.cache_clear()
    monkeypatch.setattr(sandbox, "_run", lambda *a, **k: Outcome("connect\n", "", 0, "ok", 0.1))
    with pytest.raises(SandboxUnavailable, match="does not hold here .connect"):
        run_python("print(1)")
    assert not sandbox.check() and "connect" in repr(sandbox.check())
    monkeypatch.undo()
    assert run_python("print(1)").stdout == "1\n"
    assert sandbox.check()


@pytest.mark.parametrize("system", ["win32", "emscripten"])
def test_other_systems_are_refused(monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(SandboxUnavailable, match="No sandbox for"):
        sandbox._job("1", "", 1, 1, 1)


def test_packages_only_when_asked():
    assert "ModuleNotFoundError" in run_python("import fastcore").stderr
    assert run_python("import fastcore; print('here')", packages=True).stdout == "here\n"


def test_many_at_once():
    before = leftovers()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(
            pool.map(
                lambda i: run_python(
                    f"print({i})" if i % 3 else "import time; time.sleep(9)", timeout_s=5 if i % 3 else 0.2
                ),
                range(30),
            )
        )
    assert [o.stdout for o in outcomes] == [f"{i}\n" if i % 3 else "" for i in range(30)]
    assert [o.ended for o in outcomes] == ["ok" if i % 3 else "timeout" for i in range(30)]
    nothing_is_left_since(before)


def test_inherited_descriptors_stay_here(attack):
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        attack(TRY + f"attempt('write', os.write, {writer}, b'x')")
        os.set_blocking(reader, False)
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
    finally:
        os.close(reader)
        os.close(writer)


ASKER = """
import sys
from llmeng.evals import sandbox
without = tuple(sys.argv[1].split())
print("up", flush=True)
sandbox._run("import time; time.sleep(300)", "", (300, 256 << 20, 8 << 20), 1 << 16, without=without)
"""


@pytest.mark.parametrize("without", ["", "namespaces"])
@pytest.mark.parametrize("victim", ["asker", "watcher", "init", "interrupt"])
def test_whoever_is_killed_nothing_stays(tmp_path, without, victim):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    asker = subprocess.Popen(
        [sys.executable, "-c", ASKER, without],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        asker.stdout.readline()
        deadline = time.monotonic() + 20
        family = []
        while len(family) < 3 and time.monotonic() < deadline:
            family = psutil.Process(asker.pid).children(recursive=True)
            time.sleep(0.02)
        watcher, init, code = family
        time.sleep(0.3)
        if victim == "interrupt":
            asker.send_signal(signal.SIGINT)
        else:
            {"asker": asker, "watcher": watcher, "init": init}[victim].kill()
        gone, alive = psutil.wait_procs([watcher, init, code], timeout=10)
        assert not alive
        asker.wait(10)
        if victim != "watcher":  # who alone knows the folder
            assert list(tmp_path.iterdir()) == []
    finally:
        asker.kill()
        asker.communicate()
