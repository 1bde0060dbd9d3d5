// Two services: the one that is asked asks the other, which has the loopback only.
const http = require('http');

http.createServer((request, answer) => answer.end('stock 8')).listen(8093, '127.0.0.1');
http.createServer((request, answer) => {
  const inner = http.get('http://127.0.0.1:8093/', (got) => {
    let text = 'node says ';
    got.on('data', (piece) => { text += piece; });
    got.on('end', () => answer.end(text));
  });
  inner.on('error', (error) => { answer.statusCode = 500; answer.end(String(error)); });
}).listen(8092);
