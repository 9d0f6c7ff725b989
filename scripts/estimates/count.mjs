// Counts tokens: a JSON array of texts on stdin, {counts: [[…] per encoding], framing: [first, next]} on stdout.
// Runs in a folder where gpt-tokenizer is installed.
import { readFileSync } from "node:fs";
import * as o200k from "gpt-tokenizer/model/gpt-4o";
import * as cl100k from "gpt-tokenizer/model/gpt-4-turbo";

const models = [o200k, cl100k];
const texts = JSON.parse(readFileSync(0, "utf8"));
// What looks like a control token is text in a message, as it is for the provider.
const asText = { disallowedSpecial: new Set() };
const counts = texts.map((text) => models.map((model) => model.encode(text, asText).length));

// Tokens around the first message of a conversation, and around each further one.
const chat = (count) => Array.from({ length: count }, () => ({ role: "user", content: "Hi" }));
const around = models.map((model) => {
  const content = model.encode("Hi").length;
  const [one, two, three] = [1, 2, 3].map((count) => model.encodeChat(chat(count)).length - count * content);
  if (three - two !== two - one) throw new Error("messages do not add up");
  return [one, two - one];
});
if (new Set(around.map(String)).size !== 1) throw new Error("the models frame messages differently");
process.stdout.write(JSON.stringify({ counts, framing: around[0] }));
