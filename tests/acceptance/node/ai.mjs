// Vercel's ai package with its provider for OpenAI, unchanged.

import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { MODEL, WEATHER, collect, run, service } from "./flows.mjs";

const openai = createOpenAI(service);
const model = openai.responses(MODEL);
const BRIEF = { model, temperature: 0, maxRetries: 0 };
const tools = {
  get_weather: tool({
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `Sunny in ${city}`,
  }),
};
// The bundled model calls a function only where it must: in the first step.
const CALLING = {
  ...BRIEF,
  tools,
  stopWhen: stepCountIs(2),
  prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "auto" }),
};

await run({
  async generate_text() {
    const result = await generateText({ ...BRIEF, prompt: "Say hi." });
    assert.ok(result.text);
    assert.equal(result.finishReason, "stop");
    assert.ok(result.usage.totalTokens > 0);
    assert.match(result.providerMetadata.openai.responseId, /^resp_/);
  },

  async stream_text() {
    const result = streamText({ ...BRIEF, prompt: "Say hi." });
    const pieces = await collect(result.textStream);
    assert.ok(pieces.length > 1);
    assert.equal(pieces.join(""), await result.text);
    assert.equal(await result.finishReason, "stop");
  },

  async generate_with_tools() {
    const result = await generateText({ ...CALLING, prompt: WEATHER });
    assert.equal(result.steps.length, 2);
    const [called] = result.steps[0].toolResults;
    assert.deepEqual(called.input, { city: "Paris" });
    assert.equal(called.output, "Sunny in Paris");
    assert.ok(result.text);
  },

  async stream_with_tools() {
    const result = streamText({ ...CALLING, prompt: WEATHER });
    const types = (await collect(result.fullStream)).map((part) => part.type);
    for (const type of ["tool-call", "tool-result", "text-delta", "finish"]) {
      assert.ok(types.includes(type), `${type} in ${types}`);
    }
    assert.ok(!types.includes("error"));
  },

  async previous_response_id() {
    const first = await generateText({ ...BRIEF, prompt: "Say hi." });
    const previousResponseId = first.providerMetadata.openai.responseId;
    const second = await generateText({
      ...BRIEF, prompt: "Say hello.", providerOptions: { openai: { previousResponseId } },
    });
    assert.ok(second.usage.inputTokens > first.usage.inputTokens);
  },

  async messages() {
    // What was answered is sent back as references to stored items.
    const asked = [{ role: "user", content: "Say hi." }];
    const first = await generateText({ ...BRIEF, messages: asked });
    const messages = [...asked, ...first.response.messages, { role: "user", content: "Say hello." }];
    const second = await generateText({ ...BRIEF, messages });
    assert.ok(JSON.stringify(second.request.body).includes("item_reference"));
    assert.ok(second.text);
    assert.ok(second.usage.inputTokens > first.usage.inputTokens);
  },

  async chat_stream() {
    const result = streamText({ ...BRIEF, model: openai.chat(MODEL), prompt: "Say hi." });
    const pieces = await collect(result.textStream);
    assert.ok(pieces.length > 1);
    assert.equal(await result.finishReason, "stop");
  },

  async chat_tools() {
    const result = await generateText({ ...CALLING, model: openai.chat(MODEL), prompt: WEATHER });
    assert.deepEqual(result.steps[0].toolResults[0].input, { city: "Paris" });
    assert.ok(result.text);
  },

  async structured_output() {
    const City = z.object({ name: z.string() });
    const result = await generateText({
      ...BRIEF,
      output: Output.object({ schema: City }),
      prompt: '[[say:{"name": "Paris"}]] The capital of France?',
    });
    assert.equal(typeof result.output.name, "string");
  },
});
