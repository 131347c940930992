// SPDX-License-Identifier: Apache-2.0
// A card for programs in node, without PC/SC: this end plays the reader to `sscard serve --vpcd`.
// A frame is a length of two bytes, big-endian, and so many bytes; one byte alone is a control.
'use strict';

const net = require('node:net');

const POWER_OFF = 0, POWER_ON = 1, GET_ATR = 4;

class Card {
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.waiting = [];
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('close', () => this.#fail(new Error('the card is out')));
    socket.on('error', (error) => this.#fail(error));
  }

  // Resolves with the first card that is put in: sscard serve CARD.ssc --vpcd 127.0.0.1:PORT
  static inserted(port = 0, listening = () => {}) {
    return new Promise((resolve, reject) => {
      const server = net.createServer((socket) => {
        server.close();
        resolve(new Card(socket));
      });
      server.on('error', reject);
      server.listen(port, '127.0.0.1', () => listening(server.address().port));
    });
  }

  async powerOn() {
    this.#send(Buffer.of(POWER_ON));
    return this.#ask(Buffer.of(GET_ATR));
  }

  // The answer to a command, as over T=0 but with what 61xx and 6Cxx announce.
  async transmit(hex) {
    let command = Buffer.from(hex, 'hex');
    let answer = await this.#ask(command);
    if (answer.at(-2) === 0x6c) {
      command = Buffer.concat([command.subarray(0, 4), answer.subarray(-1)]);
      answer = await this.#ask(command);
    }
    if (answer.at(-2) === 0x61) {
      answer = await this.#ask(Buffer.of(0, 0xc0, 0, 0, answer.at(-1)));
    }
    return { data: answer.subarray(0, -2), sw: answer.subarray(-2).toString('hex') };
  }

  close() {
    this.#send(Buffer.of(POWER_OFF));
    this.socket.end();
  }

  #ask(payload) {
    this.#send(payload);
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  #send(payload) {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(payload.length);
    this.socket.write(Buffer.concat([head, payload]));
  }

  #take(chunk) {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    while (this.buffer.length >= 2 && this.buffer.length >= 2 + this.buffer.readUInt16BE()) {
      const end = 2 + this.buffer.readUInt16BE();
      this.waiting.shift()?.resolve(this.buffer.subarray(2, end));
      this.buffer = this.buffer.subarray(end);
    }
  }

  #fail(error) {
    for (const one of this.waiting.splice(0)) one.reject(error);
  }
}

module.exports = { Card };
