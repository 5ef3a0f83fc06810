// Sends a file with tus-js-client, and prints where it is and how often it had to try again.
// node tus-client.mjs ENDPOINT HEADERS-AS-JSON FILE CHUNK
import { createReadStream, statSync } from 'node:fs';
import { Upload } from 'tus-js-client';

const [endpoint, headers, file, chunk] = process.argv.slice(2);
let again = 0;
const upload = new Upload(createReadStream(file), {
  endpoint,
  headers: JSON.parse(headers),
  chunkSize: Number(chunk) || Infinity,
  uploadSize: statSync(file).size,
  metadata: { filename: 'sent by a peer.mp4', filetype: 'video/mp4' },
  retryDelays: Array(60).fill(250),
  onShouldRetry: () => (again++, true),
  onError: (fault) => {
    console.error(String(fault));
    process.exit(1);
  },
  onSuccess: () => console.log(JSON.stringify({ url: upload.url, again })),
});
upload.start();
