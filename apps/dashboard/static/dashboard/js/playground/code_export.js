// The session of the page as a program: text in, text out.
export const LANGUAGES = { python, javascript, curl };

function python({ baseUrl, model, variables, session }) {
  const more = Object.keys(variables).length ? `, extra_query=${literal(variables, 2)}` : "";
  return `# pip install "openai[realtime]"
import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(
    base_url=${JSON.stringify(baseUrl)},
    api_key=os.environ["ANTIPHON_API_KEY"],
)


async def main():
    async with client.realtime.connect(model=${JSON.stringify(model)}${more}) as connection:
        await connection.session.update(
            session=${literal(session, 3)}
        )
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hello!"}],
            }
        )
        await connection.response.create()
        async for event in connection:
            if event.type in ("response.output_text.delta", "response.output_audio_transcript.delta"):
                print(event.delta, end="", flush=True)
            elif event.type == "error":
                raise RuntimeError(event.error.message)
            elif event.type == "response.done":
                break


asyncio.run(main())
`;
}

function javascript({ baseUrl, model, variables, session }) {
  const url = `${baseUrl.replace("http", "ws")}/realtime?${new URLSearchParams({ model, ...variables })}`;
  return `// Node 22 or newer; in a browser, use a client secret in the place of the key.
const url = ${JSON.stringify(url)};
const key = process.env.ANTIPHON_API_KEY;
const socket = new WebSocket(url, ["realtime", \`openai-insecure-api-key.\${key}\`]);
const send = (event) => socket.send(JSON.stringify(event));

socket.onopen = () => {
  send({
    type: "session.update",
    session: ${indented(session, 2)},
  });
  send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text: "Hello!" }] },
  });
  send({ type: "response.create" });
};

socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (["response.output_text.delta", "response.output_audio_transcript.delta"].includes(event.type)) {
    process.stdout.write(event.delta);
  } else if (event.type === "error") {
    throw new Error(event.error.message);
  } else if (event.type === "response.done") {
    socket.close();
  }
};
`;
}

function curl({ baseUrl, model, variables, session }) {
  const named = Object.entries(variables).map(([name, value]) => [name.replace(/^var\./, ""), value]);
  const more = named.length ? { providerData: { antiphon: { variables: Object.fromEntries(named) } } } : {};
  const body = JSON.stringify(
    { expires_after: { anchor: "created_at", seconds: 600 }, session: { ...session, model, ...more } },
    null,
    2,
  );
  return `# A client secret for a browser: it opens this session for ten minutes, and nothing else.
curl ${quoted(`${baseUrl}/realtime/client_secrets`)} \\
  -H "Authorization: Bearer $ANTIPHON_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d ${quoted(body)}
`;
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const indented = (value, level) => JSON.stringify(value, null, 2).replaceAll("\n", `\n${"  ".repeat(level)}`);

/** As Python writes it, from the second line on indented by so many levels. */
function literal(value, level) {
  const inner = "    ".repeat(level + 1);
  const end = "    ".repeat(level);
  const lines = (open, parts, close) =>
    parts.length ? `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${end}${close}` : open + close;
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value))
    return lines(
      "[",
      value.map((part) => literal(part, level + 1)),
      "]",
    );
  if (typeof value !== "object") return JSON.stringify(value);
  return lines(
    "{",
    Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${literal(part, level + 1)}`),
    "}",
  );
}
