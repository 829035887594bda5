"""Plan, apply and drift in the jobs of GitHub and GitLab: what a pull request, an approval and an issue show."""
