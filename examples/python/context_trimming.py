"""Context trimming: a long conversation stays short for the model, and cheap.

    python context_trimming.py "My name is Ada." "What is twelve times seven?" "What is my name?"

Two ways, which go together. The server leaves the oldest items out of what the model sees once they have more
tokens than you allow (`truncation`), keeping a part so that a provider's cache stays valid for some turns. And you
may delete items: here, all but the newest four.
"""

import os
import sys

from openai import OpenAI

KEPT = 4  # items

client = OpenAI(
    base_url=os.environ.get("ANTIPHON_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ["ANTIPHON_API_KEY"],
)

with client.realtime.connect(model="gpt-realtime") as connection:
    connection.session.update(
        session={
            "type": "realtime",
            "output_modalities": ["text"],
            "truncation": {
                "type": "retention_ratio",
                "retention_ratio": 0.8,
                "token_limits": {"post_instructions": 8_000},
            },
        }
    )
    items = []  # ids, oldest first
    for question in sys.argv[1:]:
        print("you:", question)
        connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]}
        )
        connection.response.create()
        for event in connection:
            if event.type == "conversation.item.added":
                items.append(event.item.id)
            elif event.type == "response.output_text.done":
                print("agent:", event.text)
            elif event.type == "error":
                sys.exit(event.error.message)
            elif event.type == "response.done":
                print(f"({event.response.usage.input_tokens} tokens in)")
                break
        while len(items) > KEPT:
            connection.conversation.item.delete(item_id=items.pop(0))
