// Ask a cordon server once: client.js ADDRESS TOKEN_FILE REQUEST   (`cordon path APP` tells both)
const [address, tokenFile, request] = process.argv.slice(2);
const token = require("fs").readFileSync(tokenFile, "utf8");
const server = require("net").connect(address);
let answer = "";

const fail = (text) => { console.error(text); process.exitCode = 1; };
server.setTimeout(5000, () => server.destroy(new Error("no answer")));
server.on("connect", () => server.write(JSON.stringify({ token, request: JSON.parse(request) }) + "\n"));
server.on("data", (bytes) => (answer += bytes));
server.on("error", (error) => fail(error.message));
server.on("end", () => {
  const { ok, data, code, error } = JSON.parse(answer);
  ok ? console.log(JSON.stringify(data)) : fail(`${code}: ${error}`);
});
