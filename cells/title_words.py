"""The titles of columns in the exports of usual programs, and in files that people make: lists, with commas between."""

from collections.abc import Mapping
from typing import Literal

from cells.lead_fields import FOUNDED, REVENUE

Part = Literal[
    "company",
    "contact name",
    "prefix",
    "first name",
    "middle name",
    "last name",
    "suffix",
    "full name",
    "surname or full name",
    "prefix or job",
    "email",
    "phone",
    "type of email",
    "type of phone",
    "state",
    "custom",
    "somebody else",
    "left out",
    "undecided",
]

COMPANIES = """
    company, company name, name of company, company / account, account name, organization name, organisation name,
    organization, organisation, account, company/organization, organization/company, company or organization, person -
    organization, organization - name, employer, business name, firm, organization 1 - name, organisation 1 - name,
    primary organization, current company, firma, firmenname, name der firma, unternehmen, unternehmensname,
    firma/account, organisationsname, societe, nom de la societe, entreprise, nom de l'entreprise, raison sociale,
    organisme, empresa, nombre de la empresa, nombre de empresa, compania, razon social, organizacion, nombre de la
    organizacion, nome da empresa, companhia, razao social, organizacao, nome da organizacao, associated company
    (primary), primary associated company, associated company
"""  # the surest first

NAMES: Mapping[Part, str] = {  # by the part of a lead that a column holds
    "contact name": """
        contact name, contact names, primary_contact_name
        """,
    "prefix": """
        prefix, name prefix, salutation, honorific, anrede, civilite, tratamiento, tratamento, first name prefix
        """,
    "first name": """
        first name, firstname, first, given name, forename, contact first name, person - first name, fname, lead first
        name, attendee first name, attendee first, contact first, invitee first name, vorname, prenom, primer nombre,
        nombre de pila, primeiro nome
        """,
    "middle name": """
        middle name, middle, middle initial, additional name, middle name(s), zweiter vorname, weitere vornamen,
        deuxieme prenom, segundo nombre, nome do meio
        """,
    "last name": """
        last name, lastname, last, surname, family name, contact last name, person - last name, lname, lead last name,
        attendee last name, attendee last, contact last, invitee last name, nachname, familienname, nom de famille,
        apellido, apellidos, sobrenome, apelido, ultimo nome
        """,
    "suffix": """
        suffix, name suffix, namenszusatz
        """,
    "full name": """
        full name, name, contact, contact full name, person - name, person name, person, contact person, name of
        contact, primary contact, attendee name, attendee, invitee name, lead full name, customer name,
        ansprechpartner, kontakt, kontaktname, kontaktperson, vollstandiger name, vor- und nachname, nom complet, nom
        et prenom, nom du contact, contact principal, nombre completo, nombre y apellidos, nombre del contacto,
        contacto, persona de contacto, nome completo, nome do contato, contato, pessoa de contato
        """,
    "surname or full name": """
        nom, nombre, nome
        """,
    "prefix or job": """
        title, titel
        """,
}
FIELDS: Mapping[str, str] = {  # by the custom field that a column fills
    REVENUE: """
        company revenue, annual revenue, revenue, turnover, annual turnover, company annual revenue, organization -
        annual revenue, umsatz, jahresumsatz, chiffre d'affaires, chiffre d'affaires annuel, facturacion, facturacion
        anual, ingresos anuales, faturamento, faturamento anual, receita anual
        """,
    FOUNDED: """
        company founded, founded, founded on, date founded, founded date, date of foundation, founding date, gegrundet
        am, grundungsdatum, fecha de fundacion, data de fundacao
        """,
}
REVENUE_IN_THOUSANDS = """
    revenue (in 000s usd), revenue (in 000s), annual revenue (in 000s usd), revenue (in 000 usd)
"""
LEFT_OUT = """
    record id, id, lead id, contact id, account id, company id, organization id, record id - contact, badge id, row
    id, apollo contact id, apollo account id, zoominfo contact id, zoominfo company id, order #, attendee #, _id,
    uuid, associated company ids, associated company id, associated deal, associated note, import key, organization -
    id, owner, lead status, status, status_id, status_label, marketing contact status, email status, attendee status,
    stage, job title, position, role, seniority, departments, department, job function, management level, organization
    title, organization department, primary_contact_title, person - job title, attendee job title, organization 1 -
    title, website, websites, website url, web page, website 1 - value, website 1 - label, url, domain, company domain
    name, company website, linkedin url, person linkedin url, company linkedin url, facebook url, twitter url,
    linkedin, linkedin contact profile url, primary_contact_primary_url, primary_contact_other_urls, twitter, photo,
    zoom url, address, street, street address, mailing address, address 1, address 2, address 3, city, zip, zip code,
    postal code, country, country/region, county, region, location, company address, company street address, company
    city, company zip code, company country, person street, person city, person zip code, country code, time zone,
    timezone, address_1_address_1, address_1_address_2, address_1_city, address_1_zip, address_1_country,
    address_1_label, address 1 - label, address 1 - formatted, address 1 - street, address 1 - city, address 1 - po
    box, address 1 - postal code, address 1 - country, address 1 - extended address, organization - address, business
    street, business street 2, business street 3, business city, business postal code, business country/region,
    business address po box, home street, home street 2, home street 3, home city, home state, home postal code, home
    country/region, home address po box, other street, other street 2, other street 3, other city, other state, other
    postal code, other country/region, other address po box, billing street, billing city, billing country, billing
    zip/postal code, shipping street, shipping city, shipping state/province, shipping country, mailing street,
    mailing city, mailing zip/postal code, mailing country, person state/province, country/territory, notes, note,
    description, comments, comment, keywords, lists, tags, tag, labels, label, categories, groups, groupe, lead
    source, source, original source, original traffic source, lead rating, rating, primary email source, priority,
    industry, # employees, employees, number of employees, employee count, employee range, company size, founded year,
    year founded, year established, founding year, grundungsjahr, annee de creation, ano de fundacion, ano de
    fundacao, revenue range, revenue range (in usd), total funding, latest funding, latest funding amount, last raised
    at, technologies, sic codes, sic code, sic code 1, sic code 2, naics code, naics code 1, naics codes, ticker,
    subsidiary of, create date, created, created at, created time, created date, date_created, date_updated, updated
    at, modified time, last activity date, last activity, last activity time, last contacted, last modified, last
    modified date, last_changed, scan time, order date, submitted at, submit date (utc), start date (utc), network id,
    connected on, person - person created, person - update time, optin_time, confirm_time, member_rating, leid, euid,
    signup source, interests, interest, birthday, anniversary, gender, language, hobby, spouse, children, referred by,
    sensitivity, display name, email display name, file as, nickname, nick name, initials, yomi name, maiden name,
    company yomi, phonetic first name, phonetic middle name, phonetic last name, yomi first name, yomi last name,
    given yomi, surname yomi, company name for emails, website 2 - value, event, event name, ticket type, ticket
    quantity, zip code (company), person - label, person - owner, organization - label, organization - owner, person -
    notes, assistant's phone, assistant phone, assistant name, assistant's name, assistant, telefon assistent,
    manager's name, manager, profession, office location, government id number, billing information, mileage, private,
    schedule+ priority, user 1, user 2, user 3, user 4, organizational id number, directory server, internet free
    busy, email opt out, do not call, do not email, has opted out of email, has opted out of fax, email opt out
    reason, email address is invalid, contact accuracy score, contact accuracy grade, unsubscribed, unsubscribed time,
    gdpr, consent, firmenadresse, ort, plz, strasse, land, abteilung, notizen, bemerkung, bemerkungen, branche,
    webseite, quelle, besitzer, inhaber, stadt, anzeigename, adresse, ville, code postal, pays, fonction, poste, site
    web, secteur, proprietaire, commentaires, direccion, ciudad, codigo postal, pais, cargo, puesto, sitio web, notas,
    sector, origen, propietario, comentarios, endereco, cidade, cep, site, observacoes, setor, origem, proprietario
"""
OUTLOOK = """
    e-mail display name, e-mail 2 address, business phone 2, e-mail: angezeigter name, e-mail 2: adresse
"""  # titles that hardly any other program has
SALESFORCE = """
    company / account, billing state/province, mailing state/province, billing zip/postal code, firma/account
"""
