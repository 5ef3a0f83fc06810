// @uploadx/core as a server of YouTube's kind of resumable upload. Where the two differ it is bent, so that Google's own
// client works with it: 200 instead of 201, a whole address, no Range while there is nothing, 404 for what it does not
// know. A finished upload is one line on standard output: {"id", "size", "sha256"}.

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Uploadx } from '@uploadx/core';

const directory = mkdtempSync(join(tmpdir(), 'uploadx-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

class YouTube extends Uploadx {
  async getMetadata(request) {
    return { name: randomUUID(), ...(await super.getMetadata(request)) };
  }

  send(response, answer) {
    const headers = { ...answer.headers };
    for (const name of Object.keys(headers)) {
      if (name.toLowerCase() === 'range' && headers[name] === 'bytes=0--1') delete headers[name];
    }
    const status = { 201: 200, 403: 404 }[answer.statusCode] ?? answer.statusCode;
    return super.send(response, { ...answer, statusCode: status, headers });
  }
}

async function sha256(path) {
  const hash = createHash('sha256');
  for await (const block of createReadStream(path)) hash.update(block);
  return hash.digest('hex');
}

const told = new Map();

async function onComplete(file) {
  if (!told.has(file.id)) {
    told.set(file.id, await sha256(join(directory, file.name)));
    console.log(JSON.stringify({ id: file.id, size: file.size, sha256: told.get(file.id) }));
  }
  return { id: file.id, sha256: told.get(file.id) };
}

const uploads = new YouTube({
  directory,
  path: '/upload/youtube/v3/videos',
  baseUrl: (request) => `http://${request.headers.host}`,
  allowMIME: ['video/*'],
  maxUploadSize: '100GB',
  onComplete,
});

const server = createServer((request, response) => uploads.handle(request, response));
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
