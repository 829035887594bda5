"""What ``init`` writes: a project that applies to the sandbox as it stands."""

STARTER = {
    "reconcile.yaml": """\
version: 1

providers:
  squalomail:
    type: squalomail
    url: "sandbox:"  # the embedded emulator; the real one: https://api.squalomail.com/v1
    apiKey: "${env.SQUALOMAIL_API_KEY}"  # not needed in the sandbox
    # account: "4711"  # the app id that the key must belong to

variables:
  suffix: ""

environments:
  staging:
    variables: {suffix: " (test)"}

policy:
  freeze: 60m
  sends: ask
""",
    "manifests/newsletter.yaml": """\
squalomail:
  lists:
    news:
      name: News
      color: "#336699"
      published: true

  campaigns:
    hello:
      subject: "Hello${var.suffix}"
      bodyFile: emails/hello.html
      altBodyFile: emails/hello.txt
      fromEmail: news@example.com
      fromName: Example
      language: en
      lists: [news]
      # schedule: @@SOON@@  # when it is sent; without it this is a draft
""",
    "emails/hello.html": """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Hello</title></head>
<body style="font-family: sans-serif">
  <h1>Welcome to our news, {subtag:name}</h1>
  <p>This is the first mail that lives in git.</p>
  <p>{unsubscribe}Unsubscribe{/unsubscribe}</p>
</body>
</html>
""",
    "emails/hello.txt": """\
Welcome to our news, {subtag:name}

This is the first mail that lives in git.
""",
}
