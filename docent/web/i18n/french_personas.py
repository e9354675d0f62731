"""What the personas of personas.toml say of themselves, in French."""

from __future__ import annotations

PERSONAS: dict[str, str] = {
    "Guide to Docent": "Guide de Docent",
    "How to use, set up and mend Docent.": "Utiliser, installer et réparer Docent.",
    "Hello! Ask me how to add documents, choose a model, share Docent in your team, or delete everything.": (
        "Bonjour ! Demandez-moi comment ajouter des documents, choisir un modèle, partager Docent dans "
        "votre équipe ou tout supprimer."
    ),
    "Add my documents": "Ajouter mes documents",
    "Choose a model": "Choisir un modèle",
    "How to delete what is stored": "Supprimer ce qui est conservé",
    "Internship guide": "Guide des stages",
    "Tells you which opening fits who you are and what you dream of.": (
        "Vous dit quelle offre correspond à ce que vous êtes et à ce dont vous rêvez."
    ),
    "Hello! Tell me what you can do, what you have built on the side, and what you dream of. I will find "
    "openings that fit.": (
        "Bonjour ! Dites-moi ce que vous savez faire, ce que vous avez construit à côté, et ce dont vous "
        "rêvez. Je trouverai des offres qui vous vont."
    ),
    "I like machine learning": "J'aime l'apprentissage automatique",
    "I build websites": "Je construis des sites web",
    "What pays best?": "Lequel paie le mieux ?",
    "Restaurant guide": "Guide des restaurants",
    "Finds a dish for your taste, your mood, your allergies and your budget.": (
        "Trouve un plat selon vos goûts, votre humeur, vos allergies et votre budget."
    ),
    "Hello! What are you in the mood for? Tell me your tastes, your allergies and what you would like to "
    "spend.": (
        "Bonjour ! De quoi avez-vous envie ? Dites-moi vos goûts, vos allergies et ce que vous voulez "
        "dépenser."
    ),
    "No nuts, please": "Sans fruits à coque",
    "Vegetarian, under 15": "Végétarien, à moins de 15",
    "Something sweet": "Quelque chose de sucré",
}
"""As the file says it in English."""
