"""The conditions of a study, in order."""


def conditions(sweep: dict | None, smoke: bool) -> list[tuple[str, dict]]:
    """Each setting of the sweep, as its name in the results and as a value for the split; the first for a trial."""
    if sweep is None:
        return [("", {})]
    settings = [(f"{sweep['id']}={value}", {sweep["id"]: value}) for value in sweep["values"]]
    return settings[: 1 if smoke else None]
