// Takes a screenshot of a page with Chromium, over its debugging pipe.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FLAGS = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--hide-scrollbars',
    '--remote-debugging-pipe',
];
const LIMIT_MS = 60_000;

const FINISHED = `
  new Promise((done) => (document.readyState === 'complete' ? done() : addEventListener('load', done)))
    .then(() => window.finished ?? Promise.reject(new Error('the page did not start')))`;

/** Return the PNG of a page once its `window.finished` has resolved; a page that throws is an error. */
export async function screenshot(url, { width, height, scale }) {
    const profile = await mkdtemp(join(tmpdir(), 'render-profile-'));
    const browser = spawn('chromium', [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {
        env: { ...process.env, TZ: 'UTC' },
        stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    const ended = once(browser, 'exit').catch(() => {});
    const timer = setTimeout(() => browser.kill('SIGKILL'), LIMIT_MS);
    try {
        return await photograph(connect(browser), url, { width, height, scale });
    } finally {
        clearTimeout(timer);
        browser.kill('SIGKILL');
        await ended;
        await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
}

async function photograph(send, url, { width, height, scale }) {
    const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
    const page = (method, parameters) => send(method, parameters, sessionId);
    await page('Emulation.setDeviceMetricsOverride', {
        width,
        height,
        deviceScaleFactor: scale,
        mobile: false,
    });
    await page('Page.enable');
    await page('Page.navigate', { url });
    const { exceptionDetails } = await page('Runtime.evaluate', { expression: FINISHED, awaitPromise: true });
    if (exceptionDetails) {
        const { description } = exceptionDetails.exception ?? {};
        throw new Error(description?.split('\n')[0].replace(/^Error: /, '') ?? exceptionDetails.text);
    }
    const { data } = await page('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
}

function connect(browser) {
    const [, , , commands, replies] = browser.stdio;
    const waiting = new Map();
    let last = 0;
    let rest = '';
    replies.setEncoding('utf8').on('data', (text) => {
        const messages = (rest + text).split('\0');
        rest = messages.pop();
        for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
            const { resolve, reject } = waiting.get(id) ?? {};
            waiting.delete(id);
            error ? reject?.(new Error(error.message)) : resolve?.(result);
        }
    });
    const fail = (error) => waiting.forEach(({ reject }) => reject(error));
    browser.on('error', ({ message }) => fail(new Error(`chromium does not start: ${message}`)));
    browser.on('exit', () => fail(new Error('chromium ended, or took longer than a minute')));
    commands.on('error', () => {});
    return (method, params = {}, sessionId = undefined) =>
        new Promise((resolve, reject) => {
            waiting.set((last += 1), { resolve, reject });
            commands.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
        });
}
