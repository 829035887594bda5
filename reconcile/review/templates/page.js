let at = -1;
const all = [...document.querySelectorAll('.changes>li')];
const keys = e => {
  if (e.ctrlKey || e.metaKey || e.altKey || !all.length) return;
  if (e.key === 'n' || e.key === 'p') {
    at = Math.max(0, Math.min(all.length - 1, at + (e.key === 'n' ? 1 : -1)));
    all[at].scrollIntoView({block: 'nearest'});
    all[at].querySelector('a').focus();
    all[at].closest('.mail').show(all[at].dataset.n);
  }
  const mail = all[Math.max(at, 0)].closest('.mail');
  if (e.key === 'b') mail.querySelector(mail.querySelector('.v-old')?.checked ? '.v-new' : '.v-old')?.click();
};
addEventListener('keydown', keys);
for (const mail of document.querySelectorAll('.mail')) {
  const frames = [...mail.querySelectorAll('iframe')], doc = f => f.contentDocument, win = f => doc(f).defaultView, key = f => doc(f).documentElement.dataset.rc;
  let busy = null, timer;
  const tops = f => new Map([...doc(f).querySelectorAll(`[data-${key(f)}-a]`)].map(e => [e.getAttribute(`data-${key(f)}-a`), e.getBoundingClientRect().top + win(f).scrollY]));
  const anchors = (f, g) => {
    const x = tops(f), y = tops(g), points = [[0, 0], ...[...x].filter(([k]) => y.has(k)).map(([k, v]) => [v, y.get(k)]), [doc(f).documentElement.scrollHeight, doc(g).documentElement.scrollHeight]];
    return points.sort((p, q) => p[0] - q[0]).filter((p, i, all) => !i || p[1] >= all[i - 1][1]);
  };
  const mapped = (at, points) => {
    let i = 1;
    while (i < points.length - 1 && points[i][0] < at) i++;
    const [p, q] = [points[i - 1], points[i]], d = q[0] - p[0];
    return p[1] + (d > 0 ? (at - p[0]) / d : 0) * (q[1] - p[1]);
  };
  const follow = (f, g) => win(f).addEventListener('scroll', () => {
    if (busy && busy !== f) return;
    busy = f; clearTimeout(timer); timer = setTimeout(() => busy = null, 150);
    const half = win(f).innerHeight / 2;
    win(g).scrollTo(0, mapped(win(f).scrollY + half, anchors(f, g)) - half);
  });
  const ready = f => doc(f)?.readyState === 'complete' && doc(f).body?.childElementCount;
  let left = frames.length;
  const loaded = f => { doc(f).addEventListener('keydown', keys); if (!--left && frames.length === 2) { follow(frames[0], frames[1]); follow(frames[1], frames[0]); mail.dataset.step = 'yes'; } };
  for (const f of frames) ready(f) ? loaded(f) : f.addEventListener('load', () => loaded(f), {once: true});
  mail.show = n => {
    busy = mail; clearTimeout(timer); timer = setTimeout(() => busy = null, 200);
    for (const f of frames) {
      const now = key(f) + '-now';
      for (const e of doc(f).querySelectorAll('.' + now)) e.classList.remove(now);
      const e = doc(f).querySelector(`[data-${key(f)}-n="${n}"]`);
      if (e) { e.scrollIntoView({block: 'center'}); e.classList.add(now); }
    }
  };
  for (const a of mail.querySelectorAll('[data-go]')) a.addEventListener('click', e => { e.preventDefault(); at = all.indexOf(a.closest('li')); mail.show(a.dataset.go); });
}
