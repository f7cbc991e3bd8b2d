// A mail server that says what a test wants, and remembers each conversation.

import { createServer } from 'node:net';

/**
 * `server.script` maps GREETING, EHLO, AUTH, MAIL, RCPT, DATA and MESSAGE to a reply line; what is not there is accepted.
 * `server.talks` are the conversations: {commands, message}.
 */
export async function startSmtpServer({ extensions = [] } = {}) {
  const server = { script: {}, talks: [] };
  const listener = createServer((socket) => converse(socket, server, extensions));
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  server.port = listener.address().port;
  server.stop = () => new Promise((resolve) => listener.close(resolve));
  return server;
}

const ACCEPTED = { GREETING: '220 mail.test ESMTP', AUTH: '235 2.7.0 welcome', DATA: '354 go on', MESSAGE: '250 2.0.0 kept', QUIT: '221 bye' };

function converse(socket, server, extensions) {
  const talk = { commands: [], message: '' };
  server.talks.push(talk);
  let waiting = '', inMessage = false;
  const say = (step) => {
    const reply = server.script[step] ?? ACCEPTED[step] ?? '250 2.0.0 ok';
    socket.write(`${reply}\r\n`);
    return reply;
  };
  socket.on('error', () => {});
  if (!say('GREETING').startsWith('2')) socket.end();
  socket.on('data', (chunk) => {
    waiting += chunk.toString('latin1');
    for (let end = waiting.indexOf('\r\n'); end >= 0; end = waiting.indexOf('\r\n')) {
      const line = waiting.slice(0, end);
      waiting = waiting.slice(end + 2);
      if (inMessage) {
        if (line !== '.') talk.message += `${line}\r\n`;
        else inMessage = void say('MESSAGE');
        continue;
      }
      talk.commands.push(line);
      const verb = line.split(/[ :]/)[0].toUpperCase();
      if (verb === 'EHLO' && !server.script.EHLO) {
        socket.write(['mail.test', ...extensions].map((word, i) => `250${i < extensions.length ? '-' : ' '}${word}\r\n`).join(''));
        continue;
      }
      const reply = say(verb);
      if (verb === 'DATA') inMessage = reply.startsWith('3');
      if (verb === 'QUIT') socket.end();
    }
  });
}
