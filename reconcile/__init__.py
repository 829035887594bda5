"""Config as code for e-mail marketing platforms.

``cli`` puts a run together: ``manifests`` turn YAML files into Resources, ``engine`` reads the live objects behind
them, ``planner`` compares desired, applied and live and answers with a Plan, ``report`` shows it, ``engine`` carries it
out, and ``state`` keeps what was applied. ``providers`` are the only code that knows an API, one file per kind;
``model`` has the values that all of them speak in. ``sandbox`` emulates the platforms and imports nothing of the rest.
"""

__version__ = "0.2.0"
