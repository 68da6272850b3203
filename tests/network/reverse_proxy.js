// A reverse proxy of Node.js over TLS: reverse_proxy.js PORT GATEWAY_PORT CHAIN [KEEP_ALIVE_SECONDS]
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");

const [port, gateway, chain, seconds] = process.argv.slice(2);
const pem = fs.readFileSync(chain);

const server = https.createServer({ key: pem, cert: pem }, (request, response) => {
  const { method, url, headers } = request;
  const options = { host: "127.0.0.1", port: gateway, method, path: url, headers };
  const forwarded = http.request(options, (answer) => {
    // Those of the connection are Node.js's own.
    delete answer.headers.connection;
    delete answer.headers["keep-alive"];
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  forwarded.on("error", () => response.destroy());
  request.pipe(forwarded);
});
if (seconds) server.keepAliveTimeout = seconds * 1000;
server.listen(port, "127.0.0.1");
