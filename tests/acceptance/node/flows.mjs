// Runs named flows one after another and prints a line of JSON for each: {name, error}.
// node openai.mjs BASE_URL API_KEY

const [, , baseURL, apiKey] = process.argv;

export const service = { baseURL, apiKey };
export const MODEL = "@oi/beta";
export const WEATHER = '[[call:get_weather {"city": "Paris"}]] Say hi to Paris.';

export async function run(flows) {
  for (const [name, flow] of Object.entries(flows)) {
    const error = await flow().then(() => null, (raised) => raised.stack ?? String(raised));
    console.log(JSON.stringify({ name, error }));
  }
}

export async function collect(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}
