// @uploadx/core, the protocol that PeerTube speaks, as PeerTube uses it: a finished upload is forgotten.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { DiskStorage, Uploadx } from '@uploadx/core';

const storage = new DiskStorage({
  directory: process.argv[2],
  basePath: '/api/v1/videos/upload-resumable',
  allowMIME: ['video/*'],
  onComplete: async file => {
    const hash = createHash('sha256');
    await pipeline(createReadStream(storage.getFilePath(file.name)), hash);
    const uuid = randomUUID();
    const video = { id: Date.now(), uuid, shortUUID: uuid.slice(0, 8), sha256: hash.digest('hex'), size: file.size };
    console.log(JSON.stringify({ ...video, metadata: file.metadata }));
    await storage.delete({ id: file.id });
    return { statusCode: 200, body: { video: { ...video, metadata: file.metadata } } };
  }
});
const uploads = new Uploadx({ storage, userIdentifier: request => request.headers['x-user'] });
const server = createServer(uploads.handle);
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
