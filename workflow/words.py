"""Settings as words of command lines and of names. Words become a line of a shell by `shell()` and in no other way."""

import hashlib
import json
import os
import re
import shlex

from models import FILE_FLAGS


def shell(words):
    """Words as one command line of a shell."""
    return " ".join(shlex.quote(str(word)) for word in words)


def flag_words(flags):
    """{"epochs": 5, "strict": True, "hidden-dims": [8, 4]} as words of a command line."""
    words = []
    for key, value in flags.items():
        if isinstance(value, bool):
            words.append(f"--{key}" if value else f"--no-{key}")
        elif isinstance(value, list):
            words += [f"--{key}", *map(str, value)]
        elif str(value).startswith("--"):
            words.append(f"--{key}={value}")
        else:
            words += [f"--{key}", str(value)]
    return words


def split_flags(words):
    """Words of a command line as tuples, each a flag with its values."""
    flags = []
    for word in words:
        if word.startswith("--"):
            flags.append((word,))
        else:
            flags[-1] += (word,)
    return flags


def file_flags(flags):
    pairs = flags.items() if isinstance(flags, dict) else flags
    return [(key, value) for key, value in pairs if key in FILE_FLAGS and isinstance(value, str)]


def text_of(value):
    if isinstance(value, list):
        return "-".join(map(text_of, value))
    return str(value).lower() if isinstance(value, bool) else os.path.basename(str(value).rstrip("/"))


def run_name(words, settings):
    """A folder name that says the settings. Where that takes letters away, or it got long, a hash tells it from its like."""
    whole = "__".join(words)
    name = re.sub(r"[^A-Za-z0-9.+_-]", "-", whole)[:140]
    is_whole = name == whole and not any("/" in word for word in flag_words(settings))
    return name if is_whole else f"{name}__{hashlib.sha256(json.dumps([words, settings]).encode()).hexdigest()[:8]}"


def slug(model):
    return re.sub(r"[^A-Za-z0-9.-]", "_", model)


def is_of_hub(model):
    """Whether a model is named as the hub names it, and is no folder."""
    return model is not None and re.fullmatch(r"[\w.-]+/[\w.-]+", model) is not None and not os.path.isdir(model)
