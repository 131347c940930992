// SPDX-License-Identifier: Apache-2.0
// node --test: a program in node against a card. SSCARD is the command, CARD the image.
'use strict';

const { test } = require('node:test');
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { Card } = require('./card.js');

const SELECT = '00A404000F7378312E73682EC9E7BBE1B1A3D5CF';
const sscard = (process.env.SSCARD ?? 'sscard').split(' ');

function serve(port, ...options) {
  const line = ['serve', process.env.CARD ?? 'card.ssc', '--vpcd', `127.0.0.1:${port}`];
  return spawn(sscard[0], [...sscard.slice(1), ...line, ...options], { stdio: 'ignore' });
}

async function withCard(options, use) {
  let served;
  const card = await Card.inserted(0, (port) => { served = serve(port, ...options); });
  try {
    await use(card);
  } finally {
    served.kill();
    card.socket.destroy();
  }
}

test('the card number is read', () => withCard([], async (card) => {
  const atr = await card.powerOn();
  assert.strictEqual(atr.subarray(0, 2).toString('hex'), '3b6d');
  assert.strictEqual((await card.transmit(SELECT)).sw, '9000');
  const { data, sw } = await card.transmit('00B2072C00');
  assert.strictEqual(sw, '9000');
  assert.strictEqual(data.subarray(2).toString('ascii'), 'Z00000013');
}));

test('a card that is pulled out is no answer', () => withCard(
  ['--scenario', `${__dirname}/pulled.toml`],
  async (card) => {
    await card.powerOn();
    await card.transmit(SELECT);
    await assert.rejects(card.transmit('00B2072C00'), /the card is out/);
  },
));
