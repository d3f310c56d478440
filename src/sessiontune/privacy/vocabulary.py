"""The vocabulary: names of users and machines that the logs' own paths give away.

A working folder such as `/home/U/code/app` says who the user is. Such a name is also redacted in
text where it is a whole word, unless it is an ordinary word of language or code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
import re2

#: Account names that many machines share, so that they say nothing about a person.
GENERIC_USERS = frozenset(
    """
    root runner ubuntu debian user users dev developer vscode node app apps home admin
    administrator build builder ci jenkins gitlab github git www www-data nginx apache httpd
    postgres mysql redis mongo mongodb elastic kafka daemon nobody guest public shared default
    all ec2-user centos fedora alpine arch vagrant docker codespace codespaces gitpod workspace
    workspaces work worker circleci travis buildkite-agent runneradmin containeradmin
    containeruser sandbox agent claude codex openai anthropic copilot test tester testing tests
    testuser test-user username your-username your_username yourusername your-user youruser
    your_user your-name yourname your_name user_name user-name someone somebody me you myuser
    my-user example demo sample foo bar baz qux service svc system sysadmin operator ops devops
    deploy deployer backup mail ftp ssh sshd jovyan coder linuxbrew lib local data tmp var opt
    usr bin etc srv mnt media project projects repo repos code src path to name u x y z pi steam
    oracle hadoop spark airflow jupyter student teacher python java go rust npm pip conda
    allusers defaultuser0 wdagutilityaccount appveyor vsts vssadministrator semaphore site
    website web webapp production staging swe-agent swebench nemo devcontainer kali parrot abc
    xyz bot azureuser kubernetes containerd maven gradle expo web_user
    containeradministrator ieuser my-username user1
    """.split()  # noqa: SIM905
)

#: Names that are also words of text or code. They are replaced in paths only, never as a bare word.
ORDINARY_WORDS = frozenset(
    """
    max min mark will art bill rob jack grant chase drew dean frank gene guy hope joy june april
    may august grace faith rose ruby perl pearl pat sue ray sky star dawn eve ivy jade jay cliff
    clay chip buck bud duke earl king prince lance miles norm pierce rich rusty stone wade ward
    west wolf young page sandy sonny skip tab tag todd tom tony cat dog fox bear lion tiger hawk
    main master head base core data file files test tests temp build dist docs doc image images
    video audio server client host proxy cache store stack queue task tasks job jobs model models
    view views util utils tool tools script scripts shell bash zsh fish vim emacs code editor
    config settings options plugin theme style font color light dark blue green red black white
    gray orange yellow pink purple silver gold run start stop exit open close read write send
    get set put post patch delete list item items key keys value values index table row column
    field form input output result error warning info debug trace log logs event events time date
    day month year week hour minute second number string object array class function method type
    types name names title label text word line block link button menu panel window screen
    mobile desktop linux windows mac apple google amazon meta oracle micro soft cloud network
    local remote global public private static final async await import export from with this self
    super null none true false yes no on off up down left right top bottom new old first last
    next prev back front side inner outer alpha beta gamma delta omega sigma theta lambda zero one
    two three four five six seven eight nine ten hundred thousand million all any some each every
    both other another same different good bad best worst high low big small large tiny long short
    wide narrow fast slow hard soft easy simple complex full empty free busy safe secure token
    secret session sessions tune train eval split group order sort filter map reduce fold scan zip
    join merge copy move drop push pull fetch clone commit branch tag release version author
    company team member account profile contact address phone email message chat room channel
    thread topic game player level score point points map world life love peace power energy force
    light water fire earth wind air space sun moon sea lake river hill mountain forest tree leaf
    flower garden house room door wall floor roof street road bridge city town country state
    """.split()  # noqa: SIM905
)

_HOME = re2.compile(
    r"(?i)(?:^|[^A-Za-z0-9])(?:home|users|documents and settings)[/\\]+([^/\\\s:*?\"<>|]+)"
)
_SLUG = re2.compile(r"(?m)^-{0,2}(?:[A-Za-z]--)?(?:home|Users)-([A-Za-z0-9]+)-")


class Vocabulary(msgspec.Struct, frozen=True):
    """The names to look for: sorted, unique, and in lower case (except `words`). It holds nothing
    else, because all logs are redacted anew when it changes."""

    users: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @classmethod
    def from_names(
        cls, names: Iterable[str], words: Iterable[str] = (), hosts: Iterable[str] = ()
    ) -> Vocabulary:
        """From the logs' working folders (`names`), and the `words` and `hosts` of the options."""
        names = list(names)
        return cls(
            users=tuple(sorted(_users(names))),
            hosts=tuple(sorted({host.strip().lower() for host in hosts if host.strip()})),
            words=tuple(sorted({word.strip() for word in words if word.strip()})),
        )

    def bare(self) -> tuple[str, ...]:
        """User names that are replaced as whole words in any text."""
        return tuple(user for user in self.users if stands_alone(user))

    def digest(self) -> str:
        """A digest of all names, 32 hex digits."""
        packed = msgspec.json.encode(self)
        return hashlib.blake2b(packed, digest_size=16).hexdigest()


def _users(paths: list[str]) -> set[str]:
    """The users whose home folders stand in paths. There may be thousands of paths, so all are
    looked through as one text: first one path a line, then one folder a line, each once."""
    folders = {name for path in paths for name in path.replace("\\", "/").split("/")}
    found = {m.group(1) for m in _HOME.finditer("\n".join(paths))}
    found.update(m.group(1) for m in _SLUG.finditer("\n".join(folders)))
    return {user.lower() for user in found if not is_generic(user)}


def is_generic(user: str) -> bool:
    """True for account names that say nothing about a person (`root`, `runner`, `user`...)."""
    plain = user.strip().strip("<>{}[]()$%*.").lower()
    return len(plain) < 2 or plain in GENERIC_USERS or "$" in user or plain.isdigit()


def stands_alone(user: str) -> bool:
    """True for a name that can be replaced as a bare word without harm to language or code."""
    plain = user.lower()
    return len(plain) >= 4 and plain not in ORDINARY_WORDS and not is_generic(plain)
