// The openai package for Node, unchanged.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { MODEL, WEATHER, collect, run, service } from "./flows.mjs";

const client = new OpenAI({ ...service, maxRetries: 0 });
const BRIEF = { model: MODEL, temperature: 0, cache: false };
const TOOL = {
  type: "function",
  name: "get_weather",
  description: "The weather of a city.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};

await run({
  async create() {
    const response = await client.responses.create({ ...BRIEF, input: "Say hi." });
    assert.equal(response.status, "completed");
    assert.ok(response.output_text);
    const stored = await client.responses.retrieve(response.id);
    assert.equal(stored.output_text, response.output_text);
    const items = await collect(client.responses.inputItems.list(response.id));
    assert.deepEqual(items.map((item) => item.type), ["message"]);
  },

  async stream() {
    const stream = await client.responses.create({ ...BRIEF, input: "Say hi.", stream: true });
    const events = await collect(stream);
    const numbers = events.map((event) => event.sequence_number);
    assert.deepEqual(numbers, [...events.keys()]);
    assert.equal(events.at(-1).type, "response.completed");
  },

  async stream_helper() {
    const stream = client.responses.stream({ ...BRIEF, input: "Say hi." });
    const deltas = [];
    stream.on("response.output_text.delta", (event) => deltas.push(event.delta));
    const response = await stream.finalResponse();
    assert.equal(deltas.join(""), response.output[0].content[0].text);
  },

  async parse() {
    const City = z.object({ name: z.string() });
    const response = await client.responses.parse({
      ...BRIEF,
      input: '[[say:{"name": "Paris"}]] The capital of France?',
      text: { format: zodTextFormat(City, "city") },
    });
    assert.equal(typeof response.output_parsed.name, "string");
  },

  async previous_response_id() {
    const first = await client.responses.create({ ...BRIEF, input: "Say hi." });
    const second = await client.responses.create({
      ...BRIEF,
      input: "Say hello.",
      previous_response_id: first.id,
    });
    assert.ok(second.usage.input_tokens > first.usage.input_tokens);
    await client.responses.delete(first.id);
    await assert.rejects(
      client.responses.create({ ...BRIEF, input: "And?", previous_response_id: first.id }),
      (error) => error instanceof OpenAI.BadRequestError
        && error.code === "previous_response_not_found",
    );
    await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);
  },

  async tools() {
    const asked = await client.responses.create({
      ...BRIEF, input: WEATHER, tools: [TOOL], tool_choice: "required",
    });
    const [call] = asked.output;
    assert.equal(call.type, "function_call");
    assert.deepEqual(JSON.parse(call.arguments), { city: "Paris" });
    const told = await client.responses.create({
      ...BRIEF,
      previous_response_id: asked.id,
      input: [{ type: "function_call_output", call_id: call.call_id, output: "Sunny" }],
      tools: [TOOL],
    });
    assert.ok(told.output_text);
  },

  async conversation() {
    const conversation = await client.conversations.create({ metadata: { topic: "bees" } });
    const response = await client.responses.create({
      ...BRIEF, input: "Say hi.", conversation: conversation.id,
    });
    assert.equal(response.conversation.id, conversation.id);
    const found = await client.conversations.retrieve(conversation.id);
    assert.deepEqual(found.metadata, { topic: "bees" });
  },

  async items() {
    const message = (text) => ({ type: "message", role: "user", content: text });
    const conversation = await client.conversations.create({ items: [message("one")] });
    await client.conversations.items.create(conversation.id, { items: [message("two")] });
    const items = await collect(client.conversations.items.list(conversation.id, { order: "asc" }));
    assert.deepEqual(items.map((item) => item.content[0].text), ["one", "two"]);
    await client.conversations.items.delete(items[0].id, { conversation_id: conversation.id });
    await client.conversations.delete(conversation.id);
    await assert.rejects(client.conversations.retrieve(conversation.id), OpenAI.NotFoundError);
  },

  async background() {
    const begun = await client.responses.create({
      ...BRIEF, input: "Say hi.", background: true, stream: true,
    });
    let first;
    for await (const event of begun) {
      first = event;
      break;
    }
    const { id } = first.response;
    const rest = await collect(
      await client.responses.retrieve(id, { stream: true, starting_after: 0 }),
    );
    assert.equal(rest[0].sequence_number, 1);
    assert.equal(rest.at(-1).type, "response.completed");
    assert.equal((await client.responses.cancel(id)).status, "completed");
  },

  async chat() {
    const asked = { ...BRIEF, messages: [{ role: "user", content: "Say hi." }] };
    const whole = await client.chat.completions.create(asked);
    assert.ok(whole.choices[0].message.content);
    const chunks = await collect(await client.chat.completions.create({ ...asked, stream: true }));
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.equal(text, whole.choices[0].message.content);
  },

  async resume() {
    const stream = await client.responses.create({ ...BRIEF, input: "Say hi.", stream: true });
    const events = await collect(stream);
    const { id } = events.at(-1).response;
    const rest = await collect(
      await client.responses.retrieve(id, { stream: true, starting_after: 3 }),
    );
    assert.deepEqual(rest, events.slice(4));
  },
});
