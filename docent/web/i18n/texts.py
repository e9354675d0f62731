"""What the chat itself says, in English and in French."""

from __future__ import annotations

from typing import Any

from docent.web.i18n.documents_texts import DOCUMENTS_TEXTS

LANGUAGES = ("en", "fr")

TEXTS: dict[str, tuple[str, str]] = {
    # login
    "login_refused": (
        "That did not work. Check the name and the password.",
        "Cela n'a pas marché. Vérifiez le nom et le mot de passe.",
    ),
    "login_wait_name": (
        "There were too many attempts to log in as this user. Wait {wait} and try again. In a browser in "
        "which you have logged in before, you can log in at once.",
        "Il y a eu trop de tentatives de connexion sous ce nom. Attendez {wait} et réessayez. Dans un "
        "navigateur où vous vous êtes déjà connecté, vous pouvez vous connecter tout de suite.",
    ),
    "login_wait_known": (
        "There were too many wrong passwords. Wait {wait} and try again.",
        "Il y a eu trop de mots de passe erronés. Attendez {wait} et réessayez.",
    ),
    "login_wait_address": (
        "There were too many attempts to log in from your network. Wait {wait} and try again. In a browser "
        "in which you have logged in before, you can log in at once.",
        "Il y a eu trop de tentatives de connexion depuis votre réseau. Attendez {wait} et réessayez. Dans "
        "un navigateur où vous vous êtes déjà connecté, vous pouvez vous connecter tout de suite.",
    ),
    "login_wait_busy": (
        "Too many people are logging in at the moment. Wait {wait} and try again.",
        "Trop de personnes se connectent en ce moment. Attendez {wait} et réessayez.",
    ),
    "login_attempts": (
        "{n} attempts to log in under your name failed since your last visit. If they were not yours, tell "
        "whoever looks after this Docent, and choose a long password.",
        "{n} tentatives de connexion sous votre nom ont échoué depuis votre dernière visite. Si elles ne "
        "viennent pas de vous, prévenez la personne qui s'occupe de ce Docent et choisissez un long mot de "
        "passe.",
    ),
    "logout_failed": (
        "You are still logged in: this could not be stored. The disk may be full. Try again, or close the "
        "browser.",
        "Vous êtes encore connecté : cela n'a pas pu être enregistré. Le disque est peut-être plein. "
        "Réessayez, ou fermez le navigateur.",
    ),
    # requests and events that are not answered
    "too_large": (
        "A request here may be {most} MB at most. Send less.",
        "Une requête peut faire {most} Mo au plus. Envoyez-en moins.",
    ),
    "too_slow": (
        "The request came too slowly. Send it again.",
        "La requête est arrivée trop lentement. Renvoyez-la.",
    ),
    "too_many": (
        "This page sent too much at once, so some of it was not done. Wait a few seconds and try again.",
        "Cette page a trop envoyé à la fois ; une partie n'a pas été faite. Attendez quelques secondes et "
        "réessayez.",
    ),
    "too_many_pages": (
        "{most} pages of yours are open here. Close some and reload this one.",
        "Vous avez {most} pages ouvertes ici. Fermez-en et rechargez celle-ci.",
    ),
    "no_session": (
        "This page is no longer connected. Reload it and try again.",
        "Cette page n'est plus connectée. Rechargez-la et réessayez.",
    ),
    # sources
    "not_yours": (
        "There is nothing here for you. Go back to the conversation and ask again.",
        "Il n'y a rien ici pour vous. Revenez à la conversation et reposez la question.",
    ),
    "source_n": ("Source {n}", "Source {n}"),
    "open_original": ("Open the original", "Ouvrir l'original"),
    "unmarked": (
        "The words cited could not be marked on this page, so it is shown as it is.",
        "Les mots cités n'ont pas pu être surlignés sur cette page ; la voici telle quelle.",
    ),
    "source_changed": (
        "This file has changed since; what was quoted is no longer there word for word.",
        "Ce fichier a changé depuis ; le passage cité ne s'y trouve plus mot pour mot.",
    ),
    "source_deleted": (
        "This file has been deleted since. What was quoted from it:",
        "Ce fichier a été supprimé depuis. Voici ce qui en avait été cité :",
    ),
    "stale_changed": (
        "⚠️ Since this answer, {files} changed. Ask again to hear what it says now.",
        "⚠️ Depuis cette réponse, {files} a changé. Reposez la question pour la version actuelle.",
    ),
    "stale_deleted": (
        "⚠️ Since this answer, {files} was deleted. Ask again to hear what the other documents say.",
        "⚠️ Depuis cette réponse, {files} a été supprimé. Reposez la question aux autres documents.",
    ),
    "not_stored": (
        "⚠️ What is said here could not be stored, and is gone when this page is closed. {why}",
        "⚠️ Ce qui se dit ici n'a pas pu être conservé et disparaîtra à la fermeture de cette page. {why}",
    ),
    "files_not_deleted": (
        "The conversation is deleted, but not {name}: {why} Delete it on the documents page.",
        "La conversation est supprimée, mais pas {name} : {why} Supprimez-le sur la page des documents.",
    ),
    "source_blanked": (
        "This file has been deleted since, and with it what was quoted from it.",
        "Ce fichier a été supprimé depuis, et avec lui ce qui en avait été cité.",
    ),
    "broken_off": (
        "⚠️ The answer broke off here: Docent ended while it was being written.",
        "⚠️ La réponse s'interrompt ici : Docent s'est arrêté pendant qu'elle s'écrivait.",
    ),
    "being_written": (
        "*This answer is still being written. Open the conversation again in a moment to see all of it.*",
        "*Cette réponse est en cours d'écriture. Rouvrez la conversation dans un instant pour la voir "
        "en entier.*",
    ),
    "ask_again": ("Ask again", "Reposer la question"),
    "anyway": (
        "Answer anyway, from the model alone",
        "Répondre quand même, par le modèle seul",
    ),
    "golden_offer": ("Keep as a test question", "Garder comme question de test"),
    "golden_kept": (
        "Kept. `docent eval` asks it from now on.",
        "Gardée. `docent eval` la posera désormais.",
    ),
    "golden_private": (
        "Not kept: a test question needs an answer from documents that everybody may see.",
        "Pas gardée : une question de test s'appuie sur des documents que tous peuvent voir.",
    ),
    "message_too_long": (
        "⚠️ This message was not read: it is longer than {most} characters. Shorten it, or attach the text as "
        "a file and ask about it.",
        "⚠️ Ce message n'a pas été lu : il dépasse {most} caractères. Raccourcissez-le, ou joignez le texte "
        "comme fichier et posez votre question à son sujet.",
    ),
    # the course of an answer
    "searched_for": ("Searched for: {searched}", "Recherché : {searched}"),
    "stopped": ("*Stopped.*", "*Arrêté.*"),
    "progress": ("{what}: {done} of {total}", "{what} : {done} sur {total}"),
    "how": ("How this was answered", "Comment cette réponse est née"),
    "receipt_searched": ("Searched for “{searched}”", "Recherché : « {searched} »"),
    "receipt_found": (
        "Found {found} passages, showed the model {sent}",
        "{found} passages trouvés, {sent} montrés au modèle",
    ),
    "receipt_dropped": ("Left out {count}: {why}", "{count} laissés de côté : {why}"),
    "receipt_not_ready": ("Not wholly searchable yet: {files}", "Pas encore entièrement lus : {files}"),
    "receipt_no_model": (
        "No language model wrote this: it is taken from the documents as it stands, or from Docent itself",
        "Aucun modèle n'a rédigé ceci : le texte vient tel quel des documents, ou de Docent lui-même",
    ),
    "receipt_model": ("Written by {model}", "Rédigé par {model}"),
    "receipt_turns": (
        "Earlier questions kept in mind: {turns}",
        "Échanges précédents pris en compte : {turns}",
    ),
    "receipt_seconds": (
        "{total} s in all: {searching} s searching, {first} s until the first word",
        "{total} s en tout : {searching} s de recherche, {first} s jusqu'au premier mot",
    ),
    "receipt_unsupported": (
        "Sentences that no passage supports: {count}",
        "Phrases qu'aucun passage n'appuie : {count}",
    ),
    "receipt_doubtful": ("In none of the passages: {what}", "Dans aucun des passages : {what}"),
    "receipt_removed": ("Taken out of the answer: {what}", "Retiré de la réponse : {what}"),
    "receipt_tokens": (
        "The model's context: {sent:,} tokens sent (█), {answered:,} answered (▓), room for {context:,}",
        "Contexte du modèle : {sent} jetons envoyés (█), {answered} en réponse (▓), place pour {context}",
    ),
    # profiles
    "everything": (
        "Ask your documents. Every answer shows the page it comes from.",
        "Interrogez vos documents. Chaque réponse montre la page d'où elle vient.",
    ),
    "nothing_yet": (
        "There are no documents yet. Put files into `data/` and run `python ingest.py`.",
        "Il n'y a pas encore de documents. Mettez des fichiers dans `data/`, puis `python ingest.py`.",
    ),
    "starter_internships": ("Find an internship", "Trouver un stage"),
    "starter_restaurants": ("Read a menu", "Lire un menu"),
    "starter_handbook": ("Learn about Docent", "Découvrir Docent"),
    "starter_delete": ("How to delete what is stored", "Comment tout supprimer"),
    # settings panel
    "library": ("Library", "Bibliothèque"),
    "library_all": ("All libraries", "Toutes les bibliothèques"),
    "model": ("Model", "Modèle"),
    "as_set": ("As set up ({what})", "Par défaut ({what})"),
    "length": ("Length of answers", "Longueur des réponses"),
    "length_as_set": ("As set up", "Par défaut"),
    "length_short": ("Short (about 150 words)", "Courte (environ 150 mots)"),
    "length_medium": ("Medium (about 375 words)", "Moyenne (environ 375 mots)"),
    "length_long": ("Long (about 1,100 words)", "Longue (environ 1 100 mots)"),
    "passages": ("Passages", "Passages"),
    "passages_hint": (
        "How many the model is shown at most",
        "Combien en sont montrés au modèle, au plus",
    ),
    "temperature": ("Temperature", "Température"),
    "temperature_hint": ("0 keeps to the text; 2 is free", "0 s'en tient au texte ; 2 est libre"),
    "receipt": (
        "Show how each answer came about",
        "Montrer comment chaque réponse est née",
    ),
    # a missing model
    "fetch_model": ("Fetch the model {model}", "Télécharger le modèle {model}"),
    "fetching": (
        "The server fetches {model}. This is several gigabytes.",
        "Le serveur télécharge {model}. Cela fait plusieurs gigaoctets.",
    ),
    "fetch_progress": ("{percent} % ({done} of {total} GB)", "{percent} % ({done} sur {total} Go)"),
    "fetched": (
        "✓ {model} is there. Ask your question again.",
        "✓ {model} est là. Posez de nouveau votre question.",
    ),
    # files in the chat
    "file_queued": ("**{name}** waits to be read", "**{name}** attend d'être lu"),
    "file_reading": ("**{name}**: reading, {done} pages so far", "**{name}** : lecture, {done} pages"),
    "file_reading_of": (
        "**{name}**: reading {done}/{total} pages",
        "**{name}** : lecture, {done}/{total} pages",
    ),
    "file_searchable": (
        "**{name}** can be asked about; searched by its words, by meaning {done}/{total} passages",
        "**{name}** peut être interrogé ; cherché par ses mots, par le sens {done}/{total} passages",
    ),
    "file_ready": (
        "✓ **{name}** is ready, pages: {pages}. {whose}",
        "✓ **{name}** est prêt, pages : {pages}. {whose}",
    ),
    "file_yours": ("Only you can ask about it.", "Vous seul pouvez l'interroger."),
    "file_yours_here": (
        "It is asked in this conversation only.",
        "Il n'est interrogé que dans cette conversation.",
    ),
    "file_locked": (
        "**{name}** is locked. [Enter its password]({link}); it is used once and not kept.",
        "**{name}** est protégé par un mot de passe. [Saisir le mot de passe]({link}) ; "
        "il sert une fois et n'est pas conservé.",
    ),
    "file_cancelled": (
        "**{name}** was cancelled; nothing of it was kept.",
        "**{name}** a été annulé ; rien n'en a été conservé.",
    ),
    "file_shared": (
        "**{name}** is shared: everybody here can ask about it, in the library {library}. "
        "[Take it back]({link})",
        "**{name}** est partagé : tout le monde ici peut l'interroger, dans la bibliothèque {library}. "
        "[Le reprendre]({link})",
    ),
    "file_gone": (
        "**{name}** has been deleted since. Hand it in again to ask about it.",
        "**{name}** a été supprimé depuis. Déposez-le de nouveau pour l'interroger.",
    ),
    "file_deleted": (
        "**{name}** is deleted; nothing of it was kept.",
        "**{name}** est supprimé ; rien n'en a été conservé.",
    ),
    "forget_hint": (
        "Delete the files that were handed in here",
        "Supprimer les fichiers déposés ici",
    ),
    "forgotten": ("Files deleted: {count}.", "Fichiers supprimés : {count}."),
    "file_twice": (
        "**{name}** is the same file as {first}; it is read once.",
        "**{name}** est le même fichier que {first} ; il n'est lu qu'une fois.",
    ),
    "file_too_many": (
        "⚠️ At most {most} files go with one message. Send these with the next one: {names}",
        "⚠️ Un message porte au plus {most} fichiers. Envoyez ceux-ci avec le suivant : {names}",
    ),
    "file_question_waits": (
        "Your question is asked as soon as the files can be searched.",
        "Votre question sera posée dès que les fichiers pourront être cherchés.",
    ),
    "file_none": (
        "None of these files can be asked, so the question was not put. Hand in others, or ask without.",
        "Aucun de ces fichiers ne peut être interrogé ; la question n'a pas été posée. "
        "Déposez-en d'autres, ou posez-la sans.",
    ),
    "file_cancel": ("Cancel", "Annuler"),
    "file_share": ("Share with the library", "Partager avec la bibliothèque"),
    "file_share_in": ("Share with everybody in “{library}”", "Partager avec tous dans « {library} »"),
    "file_keep": ("Keep it private", "Garder privé"),
    "asked_of": ("Asked of: {files}", "Demandé à : {files}"),
    "upload_too_large": (
        "it is larger than {most} MB, the most that is read. Split it, or hand in a smaller copy.",
        "il dépasse {most} Mo, la taille maximale. Divisez-le ou déposez une copie plus petite.",
    ),
    "upload_unreadable": (
        "files of this kind cannot be read. Hand in PDF, Office, OpenDocument, EPUB, mail, web pages, text "
        "or pictures (PNG, JPEG).",
        "les fichiers de ce type ne se lisent pas. Déposez PDF, Office, OpenDocument, EPUB, courriels, "
        "pages web, textes ou images (PNG, JPEG).",
    ),
    "upload_empty": (
        "it is empty. Hand in a file with something in it.",
        "il est vide. Déposez un fichier qui contient quelque chose.",
    ),
    "upload_no_file": (
        "it did not arrive whole. Send it again.",
        "il n'est pas arrivé en entier. Envoyez-le de nouveau.",
    ),
    "upload_no_session": (
        "this page is no longer connected. Reload it and send the file again.",
        "cette page n'est plus connectée. Rechargez-la et renvoyez le fichier.",
    ),
    "upload_no_room": (
        "the disk is full. Free some space and send it again.",
        "le disque est plein. Libérez de la place et renvoyez-le.",
    ),
    "upload_not_kept": (
        "it could not be written to the disk. Check that the folder may be written, and send it again.",
        "il n'a pas pu être écrit sur le disque. Vérifiez les droits du dossier et renvoyez-le.",
    ),
    "upload_gone": (
        "This file is not here any more. Send it again to ask about it.",
        "Ce fichier n'est plus ici. Envoyez-le de nouveau pour l'interroger.",
    ),
    "unlock_title": ("A password for {name}", "Un mot de passe pour {name}"),
    "unlock_hint": (
        "It is used once, to read the file, and not kept.",
        "Il sert une fois, à lire le fichier, et n'est pas conservé.",
    ),
    "unlock_password": ("Password", "Mot de passe"),
    "unlock_button": ("Read it", "Lire"),
    "unlock_done": (
        "The file is being read. Close this tab; the conversation says how far it is.",
        "Le fichier est en cours de lecture. Fermez cet onglet ; la conversation dit où il en est.",
    ),
    # export
    "export": ("Export", "Exporter"),
    "export_hint": ("Download this conversation", "Télécharger cette conversation"),
    "export_ready": (
        "[Download this conversation]({link}) as Markdown, with its sources.",
        "[Télécharger cette conversation]({link}) en Markdown, avec ses sources.",
    ),
    "export_empty": (
        "There is nothing to export yet. Ask a question first.",
        "Il n'y a encore rien à exporter. Posez d'abord une question.",
    ),
    "sources": ("Sources", "Sources"),
    "you": ("You", "Vous"),
    **DOCUMENTS_TEXTS,
}
"""By key: the English text and the French one."""


def say(key: str, language: str | None, **values: Any) -> str:
    """A text in a reader's language; English where we do not speak theirs."""
    return TEXTS[key][1 if speaks(language) == "fr" else 0].format(**values)


def speaks(language: str | None) -> str:
    """Ours that is nearest to a browser's language tag, such as fr-CA."""
    first = (language or "").lower().replace("_", "-").partition("-")[0]
    return first if first in LANGUAGES else "en"
