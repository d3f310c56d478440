"""Reasons, kinds and losses in plain words, for cards, reports and the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

#: Why records or sessions were left out: "stage/reason" or "reason" -> words.
DROPS: dict[str, str] = {
    "resumed_copy": "copies that a resumed or branched session carried along",
    "imported_copy": "turns that the program copied out of another agent's log",
    "repeated_record": "records that stand twice in one log",
    "warmup_agent": "warm-up runs of the agent program",
    "compaction_agent": "runs that only summarised a session",
    "prompt_suggestion_agent": "runs that guessed the user's next prompt",
    "aside_question_agent": "side questions that replay a session",
    "memory_agent": "runs that only gathered memories",
    "interrupt_marker": "markers of an interruption",
    "continue_marker": "markers that a session goes on",
    "image_source": "notes on where a picture came from",
    "context_usage": "displays of how full the context is",
    "local_command": "commands of the agent program itself (/clear and the like)",
    "local_command_output": "what commands of the agent program printed",
    "compaction_request": "what the program asked for before a summary",
    "local_command_caveat": "notes around commands of the agent program",
    "shell_mode": "shell commands of the user that the model did not see, or without output",
    "task_notification": "messages about background tasks",
    "transcript_only": "notices that only the log shows",
    "empty": "records without content",
    "no_message": "records without content",
    "no_payload": "records without content",
    "pending": "results of calls that were still running",
    "shown_only": "what only the person was shown",
    "progress": "live displays of running tools",
    "duplicate": "sessions with exactly the same content as another",
    "near_duplicate": "sessions nearly the same as another",
    "bridges_split": "sessions too close to one that is held out",
    "dropped_by_hand": "threads that you dropped",
    "cut_by_hook": "what your own hook took out",
    "dropped_by_hook": "sessions that your own hook left out",
    "source": "other agents, by your choice",
    "subagent": "sub-agents, by your choice",
    "before_since": "older than you asked for",
    "after_until": "newer than you asked for",
    "project": "other projects, by your choice",
    "excluded_project": "projects that you excluded",
    "model": "other models, by your choice",
    "vendor": "other vendors, by your choice",
    "api_error": "errors of the model's service",
    "withdrawn_answer": "answers that a filter broke off, for another model to answer",
    "synthetic": "messages that the program wrote in the model's name",
    "unknown_type": "records of a type that is not known yet",
    "thinking_signature_only": "reasoning of which the log holds only a signature",
    "retyped_prompt": "prompts that were typed again",
    "repeated_block": "pieces of a message that stand twice",
    "environment_context": "notes on the machine that the program wrote",
    "environment_details": "notes on the machine that the program wrote",
    "todo_reminder": "reminders that the program wrote",
    "plugins_instructions": "instructions that the program wrote",
    "warning": "warnings that the program wrote in the user's name",
    "prompt_suggestion": "requests to guess the user's next prompt",
    "remark": "text between the records of printed output",
    "told_in_rollout": "printed output of a thread whose own log is there too",
    "developer": "instructions that the program wrote",
    "system": "instructions that the program wrote",
    "system.message": "instructions that the program wrote",
    "notice": "notices of the agent program",
    "abort": "markers of an interruption",
    "result_without_call": "results whose call is not in the log",
    "second_result": "second results for the same call",
    "turn_aborted": "markers of an interruption",
    "realtime_item": "talk with a voice model, which the model did not see",
    "realtime_message": "talk with a voice model, which the model did not see",
    "grown": "earlier writings of a message that grew",
    "rewind": "markers that a person went back",
    "compaction": "requests to summarise a session",
    "summary_answer": "answers that became the summary of their session",
    "failed_compaction": "summaries of a session that failed",
    "part_without_message": "pieces of messages that are not there",
    "session_message": "messages that another table holds too, or of a first draft",
    "not_listed": "messages that their chat does not list any more (taken back or deleted)",
    "ignored": "texts that only the person was shown",
    "aborted": "answers that were broken off before a word",
    "file-history-snapshot": "bookkeeping for undoing edits",
    "file-history-delta": "bookkeeping for undoing edits",
    "queue-operation": "bookkeeping of prompts typed ahead",
    "summary": "titles of sessions",
    "ai-title": "titles of sessions",
    "custom-title": "titles of sessions",
}
_BOOKKEEPING = "the agent program's own bookkeeping"
DROPS |= dict.fromkeys(
    (
        *("last-prompt", "mode", "permission-mode", "bridge-session", "agent-name", "pr-link"),
        *("tool_use_summary", "atis-latch", "result", "fork-context-ref", "frame-link"),
        *("session_meta", "turn_context", "ghost_snapshot", "compacted"),
        *("agent-switched", "model-switched", "location-switched", "idle"),
        *(
            "cost-state",
            "world_state",
            "token_usage_record",
            "security_risk_score",
            "isolation-latch",
        ),
        *("context_edit", "usage"),
        *("inter_agent_communication_metadata", "header", "patch", "session"),
        *("api-request", "api-request-blob", "api-request-resumed", "api-request-shape"),
        *("artifact-autoreact-ledger", "artifact-comment-monitor", "continued-in"),
        "conversation_reset",
        *("data-flow-incomplete", "data-flow-records", "derived-from", "dev-mods"),
        *("ended-by-model", "history-suppression", "host-row", "hybrid-organization"),
        *("memory-mode", "observer-ref", "relocated", "repl-mode", "resume-head-vouch"),
        *("session-owner", "tools-used", "retained_context", "dynamic_tools_updated"),
        "agent_response_observation",
        *("thinking_level_change", "model_change", "start"),
        *("turn_start", "turn_end", "usage_summary", "session_metadata", "session_event"),
        *("pending_interaction", "interaction_resolved", "mode_change", "ContextualHookInvoked"),
        *("sub_agent_start", "sub_agent_progress", "sub_agent_complete", "tool_revert"),
        *("steering_inclusion", "agent_note"),
    ),
    _BOOKKEEPING,
)
#: Reasons that name a record type: prefix -> words.
_PREFIXES = {
    "event:": "what the screen showed, a second copy of the conversation",
    "attachment:": "notes that the agent program added for the model",
    "system:": _BOOKKEEPING,
    **dict.fromkeys(
        ("hook.", "tool.execution_", "assistant.turn_", "permission.", "session."), _BOOKKEEPING
    ),
    "progress:": "live displays of running tools",
    "unknown:": "records of a type that is not known yet",
    "unknown_type:": "records of a type that is not known yet",
    "unknown_block:": "parts of a kind that is not known yet",
}

STAGES: dict[str, str] = {
    "read": "reading",
    "link": "linking",
    "clean": "cleaning",
    "preprocess": "your hook",
    "redact": "redaction",
    "select": "your selection",
    "verdict": "your verdicts",
    "dedupe": "duplicates",
    "window": "cutting to length",
}

FAULTS: dict[str, str] = {
    "bad_json": "lines that are not JSON",
    "truncated_line": "lines cut off in the middle",
    "line_too_long": "lines over the limit (`--max-line`)",
    "not_an_object": "lines that hold a bare value",
    "not_a_row": "lines that are no message of an export",
    "unreadable_file": "files that could not be opened",
    "unreadable": "files and folders that could not be opened",
    "not_a_file": "names that are not regular files",
    "name_not_utf8": "files whose names are not UTF-8 (rename them)",
    "symlink_loop": "links that lead in a circle",
    "too_deep": "lines nested too deep",
}

REPAIRS: dict[str, str] = {
    "glued": "two records on one line",
    "lone_surrogate": "halves of a character (lone surrogates)",
    "invalid_utf8": "bytes that are not UTF-8",
    "bom": "byte order marks",
    "nul": "NUL bytes",
    "number": "numbers out of range",
    "unknown_part": "records with a part of an unknown kind, which was left out",
    "output_gone": "outputs cut to their beginning: the file beside the log is gone",
}

#: Kinds of findings that are personal or places; names of kinds of keys need no explanation.
KINDS: dict[str, str] = {
    "home": "home folders",
    "user": "user names",
    "host": "machine names",
    "slug": "folders in the names of projects",
    "account": "account ids",
    "cloud-account": "account ids of clouds",
    "organisation": "organisation ids",
    "git-owner": "owners of git remotes",
    "git-repo": "names of git remotes",
    "card": "payment cards",
    "email": "e-mail addresses",
    "gps": "coordinates",
    "iban": "bank accounts (IBAN)",
    "ip": "public IPv4 addresses",
    "ipv6": "public IPv6 addresses",
    "mac": "hardware addresses",
    "phone": "phone numbers",
    "ssn": "social security numbers",
    "street-address": "street addresses",
    "name": "names that you listed",
    "word": "words that you listed",
    "jwe": "JWEs",
    "jwt": "JWTs",
    "jwt-base64": "JWTs in base64",
    "password-hash": "hashes of passwords",
    "sign-in-link": "sign-in links",
    "url-password": "passwords in URLs",
    "url-token": "tokens in URLs",
}
#: Endings of kinds of keys that take a plural s.
_COUNTED = ("key", "token", "secret", "password", "code", "cookie", "id", "webhook", "phrase")
#: How the commonest of the names in kinds of keys are written.
_SPELT = {
    name.lower(): name
    for name in (
        *("AI", "API", "AWS", "CSRF", "DSN", "IBM", "OAuth", "SAML", "TOTP", "URL"),
        *("Anthropic", "Azure", "Bedrock", "Cloudflare", "Databricks", "DeepSeek", "DevOps"),
        *("DigitalOcean", "Discord", "Docker", "Gemini", "GitHub", "GitLab", "Google", "Groq"),
        *("Heroku", "Kubernetes", "Mistral", "OpenAI", "PyPI", "SendGrid", "Sentry", "Slack"),
        *("Stripe", "Supabase", "Telegram", "Twilio", "Vercel"),
    )
} | {"huggingface": "Hugging Face"}

#: Labels that `plain` leaves unclear. docs/reference/labels.md says what each rests on.
LABELS: dict[str, str] = {
    "acceptance": "prompt that accepts",
    "accepted": "answer accepted by the next prompt",
    "correction": "prompt that corrects",
    "corrected": "answer corrected by the next prompt",
    "direction_change": "prompt that changes direction",
    "no_match": "search without a hit",
    "cancelled": "cancelled with a parallel call",
    "retried": "call made again unchanged",
    "edited_by_user": "edit changed by the person",
    "denied": "denied by a rule",
    "rejected": "rejected by the person",
    "interrupted": "interrupted by the person",
}

#: Kinds of content, as the statistics name them.
CONTENT: dict[str, str] = {
    "answer": "answers",
    "context": "instructions",
    "prompt": "prompts",
    "summary": "summaries",
    "task": "tasks of sub-agents",
    "thinking": "reasoning",
    "tool calls": "tool calls",
    "tool output": "tool output",
}

LOSSES: dict[str, str] = {
    "thinking": "reasoning left out (`--thinking` keeps it)",
    "image": "pictures written as a short text",
    "tool_call": "tool calls left out",
    "tool_result": "tool results left out",
    "empty_message": "messages with nothing left to show",
    "missing_result": "calls without a result in the log; the row says so",
    "result_without_call": "results whose call is not in the row",
    "row_without_answer": "conversations without any answer: no row",
    "row_without_trained_answer": "conversations whose answers all failed or were refused: no row",
    "call_id": "ids of calls",
    "system_as_human": "context given as part of a human turn",
    "text_after_results": "prompts joined to the tool results before them",
    "leading_answer": "answers before the first prompt",
    "trailing_turn": "last turns without an answer",
    "untrained_turn": "answers that should bear no loss, but the format cannot say so",
    "long_answer": "answers longer than a row: left out here",
    "several_turns": "conversations of several turns: no row",
}


def drop_words(name: str) -> str:
    """A `stage/reason` in plain words."""
    stage, _, reason = name.partition("/")
    known = DROPS.get(name) or DROPS.get(reason)
    for prefix, words in _PREFIXES.items():
        if known is None and reason.startswith(prefix):
            known = words
    return known or f"{plain(reason)} ({STAGES.get(stage, stage)})"


def fault_words(reason: str) -> str:
    """The reason of a fault in plain words."""
    return FAULTS.get(reason, plain(reason))


def repair_words(kind: str) -> str:
    """A repair in plain words."""
    return REPAIRS.get(kind, plain(kind))


def kind_words(kind: str) -> str:
    """A kind of finding in plain words: `aws-key-id` is "AWS key ids"."""
    if kind in KINDS:
        return KINDS[kind]
    *first, last = (_SPELT.get(word, word) for word in plain(kind).split(" "))
    return " ".join([*first, last + "s" * last.endswith(_COUNTED)])


def loss_words(reason: str) -> str:
    """A format's loss in plain words."""
    return LOSSES.get(reason, plain(reason))


def label_words(name: str) -> str:
    """A label in plain words."""
    return LABELS.get(name, plain(name))


def tag_words(tag: str) -> str:
    """A tag of a row in plain words: a topic is known by its name."""
    return tag.removeprefix("topic:")


def content_words(kind: str) -> str:
    """A kind of content in plain words."""
    return CONTENT.get(kind, plain(kind))


def worded(counts: Mapping[str, int], words: Callable[[str], str]) -> dict[str, int]:
    """Counts under their words, largest first; names with the same words are one."""
    out: dict[str, int] = {}
    for name, n in counts.items():
        out[words(name)] = out.get(words(name), 0) + n
    return dict(sorted(out.items(), key=lambda kv: (-kv[1], kv[0])))


def plain(name: str) -> str:
    """A name of ours as words: `api_key` is "api key"."""
    return name.replace("_", " ").replace("-", " ")
