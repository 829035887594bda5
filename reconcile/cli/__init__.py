"""The only code that reads the environment, prints and exits; here the parts are put together."""
