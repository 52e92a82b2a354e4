"""How each peer stores a directory of files on a server: command lines, each tuned as its manual allows."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from data import FileSet
from measure import Dash
from servers import Server

_LFTP_SETTINGS = (
    "cmd:fail-exit yes",
    "net:connection-limit 0",
    "ftp:sync-mode off",  # commands go out without waiting for replies
    "ftp:use-feat no",
    "ftp:use-allo no",
    "ftp:use-site-chmod no",
    "ftp:use-site-utime no",
    "ftp:use-site-utime2 no",
    "ftp:use-mdtm no",
    "ftp:use-size no",
    "ftp:use-mdtm-overloaded no",
)


@dataclass(frozen=True)
class Command:
    words: list[str | Path]
    env: dict[str, str] = field(default_factory=dict)
    stdin: Path | None = None
    # Where below the destination the files will be, and a comparison finds them, is each tool's own affair.


@dataclass(frozen=True)
class Errand:
    """What a peer has to do. It writes its settings and passwords into files in SCRATCH."""

    server: Server
    files: FileSet
    destination: str  # a directory below the server's root; it is there, and empty for a store
    connections: int
    scratch: Path

    def write(self, name: str, text: str) -> Path:
        path = self.scratch / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    @property
    def url(self) -> str:
        scheme = "sftp" if self.server.protocol == "sftp" else "ftp"
        return f"{scheme}://{self.server.address}:{self.server.port}/"

    def one_connection_only(self, tool: str) -> None:
        if self.connections != 1:
            raise Dash(f"{tool} uses one connection")

    def only(self, *protocols: str) -> None:
        if self.server.protocol not in protocols:
            raise Dash(f"does not speak {self.server.protocol.upper()}")


# --- lftp ------------------------------------------------------------------------------------------------------------


def lftp_opening(errand: Errand) -> str:
    server = errand.server
    settings = list(_LFTP_SETTINGS)
    if server.protocol == "ftps":
        settings += ["ftp:ssl-force yes", "ftp:ssl-protect-data yes", f"ssl:ca-file {server.ca_file}"]
    elif server.protocol == "sftp":
        settings.append('sftp:connect-program "ssh ' + " ".join(server.ssh_options()) + '"')
    url = errand.url.rstrip("/")  # with it, lftp would begin at the root of an SFTP server's file system
    password = "none" if server.protocol == "sftp" else server.password
    return "".join(f"set {line}\n" for line in settings) + f"open -u {server.user},{password} {url}\n"


def lftp_command(errand: Errand, commands: str) -> Command:
    script = errand.write("lftp.commands", lftp_opening(errand) + commands)
    return Command(["lftp", "--norc", "-f", script])


def lftp_store(errand: Errand) -> Command:
    return lftp_command(
        errand,
        f"mirror -R --parallel={errand.connections} --only-missing --no-perms --no-umask --no-symlinks "
        f"{errand.files.directory} {errand.destination}/sent\n",
    )


# --- ncftpput --------------------------------------------------------------------------------------------------------


def ncftpput_store(errand: Errand) -> Command:
    errand.only("ftp")
    errand.one_connection_only("ncftpput")
    server = errand.server
    login = errand.write("ncftp.login", f"host {server.address}\nuser {server.user}\npass {server.password}\n")
    words: list[str | Path] = ["ncftpput", "-V", "-f", login, "-P", str(server.port), "-R", errand.destination]
    return Command([*words, errand.files.directory], env={"HOME": str(errand.scratch)})


# --- curl ------------------------------------------------------------------------------------------------------------


def curl_opening(errand: Errand) -> list[str]:
    """Lines of a curl configuration file."""
    server = errand.server
    lines = ["silent", "show-error", "fail-early", "no-progress-meter", "happy-eyeballs-timeout-ms = 1"]
    if server.protocol == "sftp":
        # libssh2 reads no other known_hosts than the user's own: the host's key is not looked at.
        return lines + [f'user = "{server.user}:"', f'key = "{server.key}"', f'pubkey = "{server.key}.pub"', "insecure"]
    lines += [f'user = "{server.user}:{server.password}"', 'ftp-method = "nocwd"']
    if server.protocol == "ftps":
        # With TLS 1.3, curl does not reuse the session for data connections, as vsftpd demands.
        lines += ["ssl-reqd", "tls-max = 1.2", f'cacert = "{server.ca_file}"']
    return lines


def _curl_config(errand: Errand, name: str, paths: list[Path], lines: list[str]) -> Path:
    # Paths in sftp: URLs of curl begin at the root of the file system.
    base = errand.server.root if errand.server.protocol == "sftp" else Path("/")
    pairs = [
        f'upload-file = "{path}"\nurl = "{errand.url.rstrip("/")}{base / errand.destination / path.name}"' for path in paths
    ]
    return errand.write(name, "\n".join(curl_opening(errand) + lines + pairs) + "\n")


# Several curls, and the first exit status that is not 0.
_SIDE_BY_SIDE = 'for c; do curl --disable --config "$c" & p="$p $!"; done; for i in $p; do wait "$i" || exit; done'


def curl_store(errand: Errand) -> Command:
    paths, number = errand.files.paths, errand.connections
    if errand.server.protocol == "ftps" and number > 1:
        # curl -Z mixes up the sessions of its connections, and vsftpd refuses the data connections (522).
        configs = [_curl_config(errand, f"curl.config-{turn}", paths[turn::number], []) for turn in range(number)]
        return Command(["sh", "-c", _SIDE_BY_SIDE, "sh", *configs[: len(paths)]])
    parallel = ["parallel", "parallel-immediate", f"parallel-max = {number}"] if number > 1 else []
    return Command(["curl", "--disable", "--config", _curl_config(errand, "curl.config", paths, parallel)])


# --- rclone ----------------------------------------------------------------------------------------------------------


def rclone_remote(name: str, server: Server) -> str:
    lines = [f"[{name}]", f"host = {server.address}", f"port = {server.port}", f"user = {server.user}"]
    if server.protocol == "sftp":
        lines += ["type = sftp", f"key_file = {server.key}", f"known_hosts_file = {server.known_hosts}"]
        lines += ["disable_hashcheck = true", "set_modtime = false", "shell_type = none"]
    else:
        obscured = subprocess.run(
            ["rclone", "obscure", "-"], input=server.password, capture_output=True, text=True, check=True
        ).stdout.strip()
        lines += ["type = ftp", f"pass = {obscured}"]
    if server.protocol == "ftps":
        lines += ["explicit_tls = true", "disable_tls13 = true"]
    return "\n".join(lines) + "\n"


def rclone_command(errand: Errand, servers: dict[str, Server], *words: str | Path) -> Command:
    config = errand.write("rclone.conf", "".join(rclone_remote(name, server) for name, server in servers.items()))
    # Go looks for authorities here.
    authorities = {"SSL_CERT_FILE": str(errand.server.ca_file)} if errand.server.ca_file else {}
    return Command(["rclone", "--config", config, "--quiet", *words], env=authorities)


def rclone_speed(connections: int) -> list[str]:
    """No more looks than copying needs."""
    return [
        f"--transfers={connections}",
        f"--checkers={connections}",
        "--no-traverse",
        "--no-check-dest",
        "--ignore-checksum",
        "--no-update-modtime",
        "--retries=1",
        "--low-level-retries=1",
    ]


def rclone_store(errand: Errand) -> Command:
    base = f"{errand.server.root}/" if errand.server.protocol == "sftp" else ""
    target = f"node:{base}{errand.destination}"
    speed = rclone_speed(errand.connections)
    return rclone_command(errand, {"node": errand.server}, "copy", *speed, errand.files.directory, target)


# --- sftp ------------------------------------------------------------------------------------------------------------


def sftp_command(errand: Errand, batch: str) -> Command:
    errand.only("sftp")
    errand.one_connection_only("sftp")
    server = errand.server
    # To sftp, -a means to resume; it gives ssh -a and -x by itself.
    options = [word for word in server.ssh_options() if word not in ("-a", "-x")]
    script = errand.write("sftp.batch", batch)
    words: list[str | Path] = ["sftp", "-q", *options, "-P", str(server.port), "-b", script]
    return Command([*words, f"{server.user}@{server.address}"])


def sftp_store(errand: Errand) -> Command:
    return sftp_command(errand, f"put {errand.files.directory}/* {errand.destination}/\n")


# --- the bare protocol -----------------------------------------------------------------------------------------------


def bare_ftp_store(errand: Errand, helpers: Path, *options: str) -> Command:
    errand.only("ftp")
    server = errand.server
    login = errand.write("bare.login", f"{server.user}\n{server.password}\n")
    words: list[str | Path] = [helpers / "bare_ftp", *options, str(errand.connections), server.address]
    return Command([*words, str(server.port), login, errand.destination, errand.files.list_file()])


def bare_sftp_store(errand: Errand, helpers: Path) -> Command:
    errand.only("sftp")
    server = errand.server
    ssh = ["ssh", *server.ssh_options(), "-p", str(server.port), "-s", f"{server.user}@{server.address}", "sftp"]
    return Command([helpers / "bare_sftp", errand.destination, errand.files.list_file(), *ssh])


STORES: dict[str, Callable[[Errand], Command]] = {
    "lftp": lftp_store,
    "ncftpput": ncftpput_store,
    "curl": curl_store,
    "rclone": rclone_store,
    "sftp": sftp_store,
}
