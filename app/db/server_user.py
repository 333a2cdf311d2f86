"""Who Postgres runs as: it refuses root, so root lends it a system user of its own.

Only what that user needs is opened to it: to pass through the folders above its data
(search, not read), and to run the programs in the wheel.
"""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

import msgspec

from app.errors import StartError

SYSTEM_USER = "backstory-postgres"


class ServerUser(msgspec.Struct, frozen=True):
    uid: int
    gid: int
    borrowed: bool  # another than our own: we are root


def server_user(pgdata: Path) -> ServerUser:
    """Ourselves, or as root the owner of the data, or the system user where there is none yet."""
    if os.geteuid() != 0:
        _refuse_foreign(pgdata)
        return ServerUser(os.geteuid(), os.getegid(), borrowed=False)
    if pgdata.exists() and (owner := pgdata.stat()).st_uid != 0:
        return ServerUser(owner.st_uid, owner.st_gid, borrowed=True)
    entry = _system_user()
    return ServerUser(entry.pw_uid, entry.pw_gid, borrowed=True)


def let_pass(user: ServerUser, path: Path) -> None:
    """Let the user reach `path` by name, through every folder above it."""
    if not user.borrowed:
        return
    for folder in path.parents:
        status = folder.stat()
        if status.st_uid != user.uid and not status.st_mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)


def let_read(user: ServerUser, folder: Path) -> None:
    """Let the user read all in `folder`: public programs that a strict umask had closed."""
    if not user.borrowed or folder.stat().st_mode & stat.S_IROTH:
        return
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        executable = stat.S_IXOTH if mode & stat.S_IXUSR else 0
        path.chmod(mode | stat.S_IROTH | executable)


def make_private_folder(user: ServerUser, path: Path) -> None:
    """Made, or found to be the user's own and no one else's."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user.borrowed and path.stat().st_uid == os.geteuid():
        os.chown(path, user.uid, user.gid)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != user.uid:
        raise StartError(
            f"{path} belongs to another user: remove it, or choose another --data-dir."
        )
    path.chmod(0o700)


def _refuse_foreign(pgdata: Path) -> None:
    if pgdata.exists() and pgdata.stat().st_uid != os.geteuid():
        raise StartError(
            f"{pgdata} belongs to another user (was it made as root?): start as that user, "
            f"or give it to yourself with: chown -R {os.geteuid()} {pgdata.parent}"
        )


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _make_system_user()
        return pwd.getpwnam(SYSTEM_USER)


def _make_system_user() -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise StartError(
            "Postgres does not run as root, and there is no useradd to make it a user: "
            f"make a system user named {SYSTEM_USER}, or start as another user than root."
        )
    options = ["--system", "--no-create-home", "--home-dir", "/nonexistent"]
    made = subprocess.run(  # noqa: S603
        [useradd, *options, "--shell", "/usr/sbin/nologin", SYSTEM_USER],
        capture_output=True,
        text=True,
        check=False,
    )
    already_made_by_another = made.returncode == 9
    if made.returncode != 0 and not already_made_by_another:
        raise StartError(f"useradd could not make {SYSTEM_USER}: {made.stderr.strip()}")
