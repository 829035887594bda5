let at = -1;
const every = (css, root = document) => [...root.querySelectorAll(css)];
const all = every('.changes>li');
const keys = e => {
  if (e.ctrlKey || e.metaKey || e.altKey || !all.length) return;
  if ('np'.includes(e.key)) {
    at = Math.max(0, Math.min(all.length - 1, at + (e.key === 'n' ? 1 : -1)));
    all[at].scrollIntoView({block: 'nearest'});
    all[at].querySelector('a').focus();
    all[at].closest('.mail').show(all[at].dataset.n);
  }
  const mail = all[Math.max(at, 0)].closest('.mail');
  if (e.key === 'b') mail.querySelector(mail.querySelector('.v-old')?.checked ? '.v-new' : '.v-old')?.click();
};
addEventListener('keydown', keys);
for (const mail of every('.mail')) {
  const frames = every('iframe', mail), doc = f => f.contentDocument, win = f => f.contentWindow, key = f => doc(f).documentElement.dataset.rc;
  let busy = null, timer;
  const hold = by => { busy = by; clearTimeout(timer); timer = setTimeout(() => busy = null, 200); };
  const top = e => e.getBoundingClientRect().top, found = (f, css) => every(css, doc(f));
  const tops = (f, name = `data-${key(f)}-a`) => new Map(found(f, `[${name}]`).map(e => [e.getAttribute(name), top(e) + win(f).scrollY]));
  const anchors = (f, g) => {
    const x = tops(f), y = tops(g), points = [[0, 0], ...[...x].filter(([k]) => y.has(k)).map(([k, v]) => [v, y.get(k)]), [doc(f).documentElement.scrollHeight, doc(g).documentElement.scrollHeight]];
    return points.sort((p, q) => p[0] - q[0]).filter((p, i, a) => !i || p[1] >= a[i - 1][1]);
  };
  const to = (at, points) => {
    let i = 1;
    while (i < points.length - 1 && points[i][0] < at) i++;
    const [p, q] = [points[i - 1], points[i]], d = q[0] - p[0];
    return p[1] + (d > 0 ? (at - p[0]) / d : 0) * (q[1] - p[1]);
  };
  const place = f => { const e = found(f, 'body *').find(e => e.offsetHeight && top(e) >= 0); f.place = e && [e, top(e)]; };
  const follow = (f, g) => win(f).addEventListener('scroll', () => {
    if (busy !== mail) place(f);
    if (!g || busy && busy !== f) return;
    hold(f);
    const half = win(f).innerHeight / 2;
    win(g).scrollTo(0, to(win(f).scrollY + half, anchors(f, g)) - half);
  });
  const ready = f => doc(f)?.readyState === 'complete' && doc(f).body?.childElementCount;
  let left = frames.length;
  const loaded = f => { doc(f).addEventListener('keydown', keys); if (!--left) { frames.forEach((f, i) => follow(f, frames[1 - i])); mail.dataset.step = 'yes'; } };
  for (const f of frames) ready(f) ? loaded(f) : f.addEventListener('load', () => loaded(f), {once: true});
  mail.show = n => {
    hold(mail);
    for (const f of frames) {
      const now = key(f) + '-now';
      for (const e of found(f, '.' + now)) e.classList.remove(now);
      const e = doc(f).querySelector(`[data-${key(f)}-n="${n}"]`);
      if (e) { e.scrollIntoView({block: 'center'}); e.classList.add(now); }
    }
  };
  mail.addEventListener('change', () => {
    hold(mail);
    setTimeout(() => frames.forEach(f => f.place && win(f).scrollBy(0, top(f.place[0]) - f.place[1])), 99);
  });
  for (const a of every('[data-go]', mail)) a.addEventListener('click', e => { e.preventDefault(); at = all.indexOf(a.closest('li')); mail.show(a.dataset.go); });
}
