const version = VERSION;
setInterval(async () => {
  try {
    const now = await (await fetch('/_version', {cache: 'no-store'})).text();
    if (now !== version) location.reload();
  } catch { /* the preview has ended, or is about to be there again */ }
}, 700);
