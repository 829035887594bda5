"""What ``init`` writes: a project that applies to the sandbox as it stands."""

STARTER = {
    "reconcile.yaml": """\
version: 1

providers:
  gatormail:
    type: gatormail
    url: "sandbox:"  # the embedded emulator; the real one: https://api.communigator.co.uk/mail
    instance: acme_lz
    timezone: @@ZONE@@  # the instance's; dates have no zone on the wire
    clientId: "${env.GATOR_CLIENT_ID}"  # none of the four is needed in the sandbox
    clientSecret: "${env.GATOR_CLIENT_SECRET}"
    username: "${env.GATOR_USERNAME}"
    password: "${env.GATOR_PASSWORD}"

variables:
  suffix: ""

environments:
  staging:
    variables: {suffix: " (test)"}

policy:
  freeze: 60m
  sends: ask
""",
    "manifests/launch.yaml": """\
gatormail:
  groups:
    customers:
      name: Customers
      description: Who gets our news

  campaigns:
    launch:
      name: Launch
      subject: "We are live${var.suffix}"
      fromName: Example
      fromAddress: news@example.com
      replyTo: news@example.com
      type: Static
      startDate: @@SOON@@
      group: customers
      email:
        name: Launch mail
        htmlFile: emails/launch.html
        textFile: emails/launch.txt
      # initiate: true  # queue it for its start date; without it this is a draft
""",
    "emails/launch.html": """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>We are live</title></head>
<body style="font-family: sans-serif">
  <h1>We are live</h1>
  <p>This is the first mail that lives in git.</p>
  <p><a href="https://example.com/unsubscribe">Unsubscribe</a></p>
</body>
</html>
""",
    "emails/launch.txt": """\
We are live

This is the first mail that lives in git.

Unsubscribe: https://example.com/unsubscribe
""",
}
