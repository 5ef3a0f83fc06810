// @tus/server, the protocol that Vimeo speaks. Files lie under their ids in the folder that is named.
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { createServer } from 'node:http';

const uploads = new Server({ path: '/files', datastore: new FileStore({ directory: process.argv[2] }) });
const server = createServer(uploads.handle.bind(uploads));
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
