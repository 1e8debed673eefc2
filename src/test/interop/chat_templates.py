"""Records what transformers renders of the chat templates in
models/src/test/resources/chat, for ChatTemplateTest.

    python src/test/interop/chat_templates.py

Recorded with transformers 5.18.0 and Jinja 3.1.6. The .jinja files follow
the templates that published checkpoints carry in tokenizer_config.json, but
chatml-generation, llama-3-generation (with transformers' {% generation %})
and corners (constructs that no one of the others has).
"""

import json
import pathlib

from transformers.utils.chat_template_utils import render_jinja_template

FOLDER = pathlib.Path(__file__).parents[3] / "models/src/test/resources/chat"


def turns(*contents, system=None):
    chat = [] if system is None else [{"role": "system", "content": system}]
    for place, content in enumerate(contents):
        chat.append({"role": ("user", "assistant")[place % 2], "content": content})
    return chat


CALL = {"name": "weather", "arguments": {"city": "Zürich", "days": 3, "hot": False, "at": None}}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": 'How "warm" it is <there> & when',
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "enum": ["Zürich", "Köln"]},
                    "days": {"type": "integer", "default": 1.5},
                },
                "required": ["city"],
            },
        },
    }
]
CHATS = {
    "one turn": {"messages": turns("Hi there")},
    "answered": {"messages": turns("Hi there", "Hello!")},
    "several turns": {"messages": turns("a", "b", "c d", "e\nf", "g?")},
    "several answered": {"messages": turns("a", "b", "c d", "e\nf")},
    "system": {"messages": turns("Hi", "Hello!", "Bye", system="You are terse.")},
    "system and two answers": {"messages": turns("Hi", "Hello!", "Bye", "Ciao.", system="Be kind.")},
    "unicode and blanks": {
        "messages": turns("  Grüße, 世界 🦜\n\n", "\t“schön” — naïve \u00a0 é\u2028x  ", "{{ not }} {% code %} <b>&amp;", system=" sý s ")
    },
    "only assistant": {"messages": [{"role": "assistant", "content": "I begin"}]},
    "twice user": {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
    "unknown role": {"messages": turns("a", "b") + [{"role": "critic", "content": "c"}]},
    "reasoning": {
        "messages": turns("2+2?", "<think>\nIt is 4.\n</think>\n\n4", "3+3?", "<think>\nSix\n</think>\n\n6")
    },
    "reasoning apart": {
        "messages": turns("2+2?") + [{"role": "assistant", "content": "4", "reasoning_content": "easy"}]
    },
    "not thinking": {"messages": turns("2+2?"), "variables": {"enable_thinking": False}},
    "a date": {"messages": turns("When?"), "variables": {"date_string": "01 Jan 2026"}},
    "tools": {"messages": turns("Warm?"), "tools": TOOLS},
    "tool call": {
        "messages": turns("Warm?", system="s")
        + [
            {"role": "assistant", "tool_calls": [{"type": "function", "id": "abcdefghi", "function": CALL}]},
            {"role": "tool", "tool_call_id": "abcdefghi", "name": "weather", "content": "21 °C"},
            {"role": "assistant", "content": "Yes, 21 °C."},
        ],
        "tools": TOOLS,
    },
    "parts": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": " What? "}, {"type": "image"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "A parrot."}]},
        ]
    },
    "builtin tools": {
        "messages": turns("Search")
        + [{"role": "assistant", "tool_calls": [{"function": {"name": "brave", "arguments": {"q": "x", "n": "2"}}}]}],
        "variables": {"builtin_tools": ["brave", "code_interpreter"]},
    },
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def render(template, chat, prompt):
    try:
        texts, spans = render_jinja_template(
            [chat["messages"]],
            tools=chat.get("tools"),
            chat_template=template,
            add_generation_prompt=prompt,
            return_assistant_tokens_mask=True,
            **TOKENS,
            **({"date_string": "26 Jul 2024"} | chat.get("variables", {})),
        )
        answer = {"text": texts[0]}
        if spans[0]:
            # Character places, cut to the ends as Java counts: in UTF-16 units.
            utf16 = lambda at: len(texts[0][:at].encode("utf-16-le")) // 2
            answer["spans"] = [[utf16(start), utf16(end)] for start, end in spans[0]]
        return answer
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}


def main():
    expected = {
        template.stem: {
            name: [render(template.read_text(), chat, prompt) for prompt in (False, True)]
            for name, chat in CHATS.items()
        }
        for template in sorted(FOLDER.glob("*.jinja"))
    }
    file = FOLDER / "expected.json"
    file.write_text(
        json.dumps({"chats": CHATS, "tokens": TOKENS, "expected": expected}, ensure_ascii=False, indent=1)
        + "\n"
    )


if __name__ == "__main__":
    main()
