"""All saboteurs."""

from . import generation, series, synthesis, translation

SABOTEURS = (
    *generation.SABOTEURS,
    *translation.SABOTEURS,
    *synthesis.SABOTEURS,
    *series.SABOTEURS,
)
