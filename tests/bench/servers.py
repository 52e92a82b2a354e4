"""The servers of the benchmark: started by the functions of tests/servers, seen as objects."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from measure import BenchError
from settings import HERE

_TICKS = os.sysconf("SC_CLK_TCK")
# No log of commands: it would cost the server time that it does not take from anybody in use.
_QUIET_VSFTPD = ("xferlog_enable=NO", "log_ftp_protocol=NO", "idle_session_timeout=3600")


class ServerShell:
    """A shell with tests/servers/servers.bash. Its servers end with it, and it with this process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [HERE / "server-shell"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def call(self, *words: str | Path) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("\t".join(str(word) for word in words) + "\n")
        self._process.stdin.flush()
        output: list[str] = []
        for line in self._process.stdout:
            if line.startswith("\x1e"):
                if int(line[1:]) != 0:
                    raise BenchError(f"{words[0]}: {''.join(output).strip()}")
                return "".join(output).strip()
            output.append(line)
        raise BenchError(f"the server shell ended at {words[0]}")

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


# What rclone chooses by itself, and what costs a CPU with AES instructions least: the same for all that go through ssh.
_CIPHERS = "Ciphers=^aes128-gcm@openssh.com"


@dataclass
class Server:
    shell: ServerShell
    protocol: str  # ftp, ftps (explicit TLS) or sftp
    directory: Path
    program: str
    address: str  # to which clients connect
    port: int
    user: str
    password: str
    ca_file: Path | None = None
    pid: int = 0

    @property
    def root(self) -> Path:
        return self.directory / "root"

    @property
    def key(self) -> Path:
        return self.directory / "userkey"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "bench_known_hosts"

    @property
    def ssh_config(self) -> Path:
        """For nodespool: what ssh_options() says of ciphers."""
        path = self.directory / "bench_ssh_config"
        path.write_text(f"{_CIPHERS.replace('=', ' ')}\n")
        return path

    def ssh_options(self) -> list[str]:
        """For ssh, sftp and what calls them: this key, this host, this cipher, nobody's own configuration."""
        options = [
            _CIPHERS,
            "BatchMode=yes",
            f"UserKnownHostsFile={self.known_hosts}",
            "StrictHostKeyChecking=yes",
        ]
        words = ["-F", "none", "-a", "-x", "-i", str(self.key)]
        return words + [word for option in options for word in ("-o", option)]

    def fresh_directory(self, name: str) -> Path:
        """An empty directory below the root that the server's user owns."""
        path = self.root / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        shutil.chown(path, self.user, self.user)

    def make_numbered_directories(self) -> None:
        """nodespool's 64 x 64, as a node in use has them. Whole and empty."""
        for first in range(64):
            for second in range(64):
                (self.root / f"{first:02d}/{second:02d}").mkdir(parents=True, exist_ok=True)
        subprocess.run(["chown", "-R", f"{self.user}:{self.user}", self.root], check=True)

    def forget_files(self) -> None:
        """Whatever a run left, but not the numbered directories."""
        for entry in self.root.iterdir():
            if len(entry.name) != 2 or not entry.name.isdigit():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
                continue
            for folder, _, names in os.walk(entry):
                for name in names:
                    os.unlink(os.path.join(folder, name))

    def cpu_seconds(self) -> float:
        """Of the server and all its sessions that have ended; waits until they have."""
        for _ in range(200):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            if not children:
                break
            time.sleep(0.01)
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:15]) / _TICKS

    def stop(self) -> None:
        self.shell.call("stop_server", self.directory)


class ServerRoom:
    """Starts the servers of one run, each in a directory of its own below PARENT."""

    def __init__(self, parent: Path) -> None:
        self.shell = ServerShell()
        self._parent = parent
        self._number = 0

    def vsftpd(self, *lines: str, address: tuple[str, int] | None = None, seen_as: str = "") -> Server:
        directory = self._directory(address)
        extra = (f"pasv_address={seen_as}",) if seen_as else ()
        self.shell.call("start_vsftpd", directory, *_QUIET_VSFTPD, *extra, *lines)
        return self._server("ftp", directory, "vsftpd", seen_as)

    def vsftpd_tls(self, *lines: str) -> Server:
        directory = self._directory(None)
        self.shell.call("start_vsftpd_tls", directory, *_QUIET_VSFTPD, *lines)
        server = self._server("ftps", directory, "vsftpd", "")
        server.ca_file = Path(self.shell.call("server_ca"))
        return server

    def sshd(self, address: tuple[str, int] | None = None, seen_as: str = "") -> Server:
        directory = self._directory(address)
        self.shell.call("start_sshd", directory, "LogLevel ERROR")
        server = self._server("sftp", directory, "sshd", seen_as)
        host_key = " ".join((directory / "hostkey.pub").read_text().split()[:2])
        server.known_hosts.write_text(f"[{server.address}]:{server.port} {host_key}\n")
        return server

    def of(self, protocol: str) -> Server:
        return {"ftp": self.vsftpd, "ftps": self.vsftpd_tls, "sftp": self.sshd}[protocol]()

    def close(self) -> None:
        self.shell.close()

    def _directory(self, address: tuple[str, int] | None) -> Path:
        self._number += 1
        directory = self._parent / f"server-{self._number}"
        directory.mkdir()
        if address:
            (directory / "address").write_text(f"{address[0]} {address[1]}\n")
        return directory

    def _server(self, protocol: str, directory: Path, program: str, seen_as: str) -> Server:
        address, port = (directory / "address").read_text().split()
        user, password = self.shell.call("eval", 'echo "$servers_user"'), self.shell.call("server_password")
        server = Server(self.shell, protocol, directory, program, seen_as or address, int(port), user, password)
        server.pid = int(self.shell.call("servers_process", directory, program).split()[0])
        server.make_numbered_directories()
        return server
