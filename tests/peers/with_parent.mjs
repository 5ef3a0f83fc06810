// Loaded before every peer: it ends when its parent does, however that ends.
process.stdin.on('end', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));
process.stdin.resume();
