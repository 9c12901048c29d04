/*
 * Looks at reports as a browser has laid them out: what has a size, what can be read, what overflows.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * html.sh makes a page that has each report in a frame as wide as a phone and in one as wide as a desk's
 * screen, and this script. One line per check and frame is left in #results: "ok NAME" or "not ok NAME: why".
 */
'use strict';

const LEAST_CONTRAST = 4.5;

function rgb(colour) {
    const numbers = colour.match(/[\d.]+/g).map(Number);
    return { r: numbers[0], g: numbers[1], b: numbers[2], a: numbers.length > 3 ? numbers[3] : 1 };
}

function luminance(c) {
    const part = v => {
        v /= 255;
        return v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * part(c.r) + 0.7152 * part(c.g) + 0.0722 * part(c.b);
}

function contrast(a, b) {
    const x = luminance(a), y = luminance(b);
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

function background(win, element) {
    for (let e = element; e; e = e.parentElement) {
        const colour = rgb(win.getComputedStyle(e).backgroundColor);
        if (colour.a > 0) {
            return colour;
        }
    }
    return { r: 255, g: 255, b: 255, a: 1 };
}

function textElements(doc) {
    return [...doc.body.querySelectorAll('*')].filter(e =>
        [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim() !== ''));
}

function colourOf(win, element) {
    const style = win.getComputedStyle(element);
    return rgb(element.closest('svg') ? style.fill : style.color);
}

/* Each returns what is wrong, or ''. */

function checkScroll(doc, win) {
    const wide = doc.documentElement.scrollWidth;
    return wide > win.innerWidth ? `the page is ${wide} wide in ${win.innerWidth}` : '';
}

function checkInside(doc, win) {
    const out = [...doc.querySelectorAll('table, figure, h1, h2, p')].find(e =>
        e.getBoundingClientRect().right > win.innerWidth + 0.5);
    return out ? `<${out.tagName}> '${out.textContent.slice(0, 40)}' leaves the page` : '';
}

function checkFigures(doc, win, expected) {
    const svgs = [...doc.querySelectorAll('figure svg')];
    if (svgs.length !== expected) {
        return `${svgs.length} pictures, not ${expected}`;
    }
    for (const svg of svgs) {
        const box = svg.getBoundingClientRect(), drawn = svg.getBBox();
        if (box.width < 250 || box.height < 150) {
            return `a picture of ${box.width} x ${box.height}`;
        }
        if (drawn.width < 400 || drawn.height < 200) {
            return `only ${drawn.width} x ${drawn.height} is drawn on`;
        }
    }
    return '';
}

/* A curve, or marks, in an arm's colour, and as long as curves are. */
function checkCurves(doc, win) {
    const style = win.getComputedStyle(doc.documentElement);
    const arms = [0, 1, 2, 3].map(i => JSON.stringify(rgbOf(doc, win, style.getPropertyValue(`--arm${i}`))));
    for (const svg of doc.querySelectorAll('figure svg')) {
        const curves = [...svg.querySelectorAll('path, use')].filter(e => {
            const s = win.getComputedStyle(e);
            const colour = e.tagName === 'path' ? s.stroke : s.color;
            return colour.startsWith('rgb') && arms.includes(JSON.stringify(rgb(colour)));
        });
        const wide = curves.map(e => e.getBoundingClientRect());
        if (!wide.length) {
            return 'a picture without a curve in the colour of an arm';
        }
        if (Math.max(...wide.map(b => b.right)) - Math.min(...wide.map(b => b.left)) < 50) {
            return 'a curve with no extent';
        }
    }
    return '';
}

function rgbOf(doc, win, colour) {
    const probe = doc.createElement('i');
    probe.style.color = colour;
    doc.body.append(probe);
    const result = rgb(win.getComputedStyle(probe).color);
    probe.remove();
    return result;
}

function checkContrast(doc, win) {
    for (const e of textElements(doc)) {
        const ratio = contrast(colourOf(win, e), background(win, e));
        if (ratio < LEAST_CONTRAST) {
            return `${ratio.toFixed(2)} for '${e.textContent.slice(0, 30)}'`;
        }
    }
    return '';
}

/* Letters of a picture are scaled with it. */
function checkLetters(doc, win) {
    for (const e of textElements(doc)) {
        const svg = e.closest('svg');
        const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
        const size = parseFloat(win.getComputedStyle(e).fontSize) * scale;
        if (size < 8.5) {
            return `${size.toFixed(1)} px for '${e.textContent.slice(0, 30)}'`;
        }
    }
    return '';
}

function checkIntervals(doc) {
    const bars = [...doc.querySelectorAll('.bar:not(.none) svg')];
    return bars.every(b => b.getBoundingClientRect().width > 50) ? '' : 'an interval without a size';
}

function checkIds(doc) {
    const ids = [...doc.querySelectorAll('[id]')].map(e => e.id);
    if (new Set(ids).size !== ids.length) {
        return 'an id twice';
    }
    const lost = [...doc.querySelectorAll('use')].find(u => !doc.querySelector(u.getAttribute('href')));
    return lost ? `nothing is ${lost.getAttribute('href')}` : '';
}

/* Nothing was made of names but text, and nothing comes from elsewhere. */
function checkContent(doc) {
    const foreign = doc.querySelector('script, img, link, iframe, object, embed, i, [src], [onerror]');
    return foreign ? `<${foreign.tagName}>` : '';
}

function checkScheme(doc, win, expected) {
    const dark = win.matchMedia('(prefers-color-scheme: dark)').matches;
    const bright = luminance(background(win, doc.body)) > 0.5;
    return dark === (expected === 'dark') && bright === !dark ? '' : `dark: ${dark}, bright: ${bright}`;
}

function checkFrame(frame, scheme) {
    const doc = frame.contentDocument, win = frame.contentWindow;
    const expected = Number(frame.dataset.figures);
    const lines = [];
    const report = (what, why) =>
        lines.push(why === '' ? `ok ${frame.name}: ${what}` : `not ok ${frame.name}: ${what}: ${why}`);

    for (const details of doc.querySelectorAll('details')) {
        details.open = true;
    }
    report('the colour scheme', checkScheme(doc, win, scheme));
    report('no horizontal scrolling', checkScroll(doc, win));
    report('all within the page', checkInside(doc, win));
    report('every figure has a size', checkFigures(doc, win, expected));
    report('every figure has curves', checkCurves(doc, win));
    report('intervals are drawn', checkIntervals(doc));
    report('contrast of text', checkContrast(doc, win));
    report('size of letters', checkLetters(doc, win));
    report('ids and links', checkIds(doc));
    report('no foreign elements', checkContent(doc));
    return lines;
}

window.addEventListener('load', () => {
    const results = document.getElementById('results');
    const lines = [];
    for (const frame of document.querySelectorAll('iframe')) {
        try {
            lines.push(...checkFrame(frame, results.dataset.scheme));
        } catch (error) {
            lines.push(`not ok ${frame.name}: ${error}`);
        }
    }
    results.textContent = lines.join('\n') + '\nend\n';
});
